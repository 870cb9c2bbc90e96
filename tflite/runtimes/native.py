"""LiteRT on this machine's processor. On x86 it never executes sparsely: its times say nothing about sparse files on phones."""

from collections.abc import Sequence
import time

import numpy as np

from tflite.file.runner import Runner
from tflite.runtimes.measured import Measured

_LEAST_SECONDS = 0.03


def missing() -> str:
  """Nothing: what it needs is installed with this project."""
  return ''


def measure(contents: Sequence[bytes], images: np.ndarray, rounds: int = 0, threads: int = 1) -> list[Measured]:
  """What several models say about the same images, and how long they take in turns; as `wasm.measure`.

  Args:
    contents: .tflite files.
    images: [n, height, width, 3] float32.
    rounds: how often each is timed, in turns; 0 = not at all.
    threads: processor threads.

  Raises:
    ModelFileError: a model does not run here, or reads other images.
  """
  runners = [Runner(content, f'model {index + 1}', threads) for index, content in enumerate(contents)]
  outputs = [runner(images) for runner in runners]
  times: list[list[float]] = [[] for _ in runners]
  for _ in range(rounds):
    for runner, taken in zip(runners, times):
      taken.append(_milliseconds(runner, images[:1]))
  return [Measured(output, tuple(taken)) for output, taken in zip(outputs, times)]


def _milliseconds(runner: Runner, image: np.ndarray) -> float:
  started, runs = time.perf_counter(), 0
  while time.perf_counter() - started < _LEAST_SECONDS or not runs:
    runner(image)
    runs += 1
  return 1000 * (time.perf_counter() - started) / runs

"""A connected Android device, by adb and TFLite's `benchmark_model` program, which must be on the device."""

from collections.abc import Sequence
import re
import shutil
import subprocess
import tempfile

import numpy as np

from st_tf.errors import UserError
from tflite.runtimes.measured import Measured, RuntimeMissingError

FOLDER = '/data/local/tmp'
PROGRAM = f'{FOLDER}/benchmark_model'
_SECONDS = 120
_RUNS = 30
_AVERAGE = re.compile(r'Inference timings in us:.*Inference \(avg\): ([\d.e+]+)')
_MEMORY = re.compile(r'[Mm]emory footprint.*overall=([\d.]+)')


def missing() -> str:
  """What is needed to measure on a device and is not there; empty when it can be."""
  if shutil.which('adb') is None:
    return 'adb is needed. Received: none on the PATH. Install the Android platform tools.'
  listed = _run('adb', 'devices').splitlines()[1:]
  if not any(line.endswith('\tdevice') for line in listed):
    return f'A connected device with USB debugging is needed. Received: {", ".join(filter(None, listed)) or "none"} from adb devices.'
  if 'No such file' in _run('adb', 'shell', 'ls', PROGRAM, check=False):
    return f"TFLite's benchmark_model is needed on the device. Received: no {PROGRAM}. Push the one for its processor there."
  return ''


def measure(contents: Sequence[bytes], images: np.ndarray, rounds: int = 1, threads: int = 1) -> list[Measured]:
  """How long several models take on the device, in turns; as `wasm.measure`, without outputs.

  Raises:
    RuntimeMissingError: no adb, no device, or no program on it.
    UserError: the program fails there.
  """
  if missing():
    raise RuntimeMissingError(missing())
  del images
  places = [f'{FOLDER}/supertickets_{index}.tflite' for index in range(len(contents))]
  times: list[list[float]] = [[] for _ in contents]
  memory: list[float | None] = [None] * len(contents)
  try:
    for place, content in zip(places, contents):
      with tempfile.NamedTemporaryFile(suffix='.tflite') as file:
        file.write(content)
        file.flush()
        _run('adb', 'push', file.name, place)
    for _ in range(max(rounds, 1)):
      for index, place in enumerate(places):
        text = _run('adb', 'shell', PROGRAM, f'--graph={place}', f'--num_threads={threads}', '--use_xnnpack=true', f'--num_runs={_RUNS}')
        milliseconds, memory[index] = parse(text)
        times[index].append(milliseconds)
  finally:
    _run('adb', 'shell', 'rm', '-f', *places, check=False)
  return [Measured(np.zeros(0, np.float32), tuple(taken), peak) for taken, peak in zip(times, memory)]


def parse(text: str) -> tuple[float, float | None]:
  """(milliseconds per image, peak memory in MB if it says so) from the output of `benchmark_model`.

  Raises:
    UserError: it holds no time.
  """
  average, memory = _AVERAGE.search(text), _MEMORY.search(text)
  if average is None:
    last = next(iter(reversed(text.strip().splitlines())), 'nothing')
    raise UserError(f'benchmark_model prints its times. Received: {last}. Does it fit the device, and the model the program?')
  return float(average.group(1)) / 1000, float(memory.group(1)) if memory else None


def _run(*command: str, check: bool = True) -> str:
  try:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
  except subprocess.TimeoutExpired as error:
    raise UserError(f'A device answers within {_SECONDS} s. Received: nothing for {" ".join(command)}. Reconnect it.') from error
  text = done.stdout + done.stderr
  if check and done.returncode:
    raise UserError(f'{" ".join(command[:3])} succeeds. Received: {text.strip() or done.returncode}. Check the device.')
  return text

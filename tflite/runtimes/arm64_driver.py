"""Runs inside the ARM64 Python: python arm64_driver.py ROUNDS IMAGES.npy RESULT.npz MODEL.tflite...

Needs nothing of this project, which is not installed there.
"""

from collections.abc import Sequence
import sys
import time
from typing import Any


def main(rounds: int, images_file: str, result_file: str, models: Sequence[str]) -> None:
  """Writes, for model i, what it says as `outputs_i` and how long it takes as `milliseconds_i`."""
  from ai_edge_litert.interpreter import Interpreter
  import numpy as np

  images = np.load(images_file)
  interpreters = [Interpreter(model_path=model, num_threads=1) for model in models]
  results = {}
  for index, interpreter in enumerate(interpreters):
    interpreter.allocate_tensors()
    results[f'outputs_{index}'] = np.stack([answer(interpreter, image) for image in images])
    results[f'milliseconds_{index}'] = np.zeros(rounds)
  for turn in range(rounds):
    for index, interpreter in enumerate(interpreters):
      started = time.perf_counter()
      answer(interpreter, images[0])
      results[f'milliseconds_{index}'][turn] = 1000 * (time.perf_counter() - started)
  np.savez(result_file, **results)


def answer(interpreter: Any, image: Any) -> Any:
  """What a model says about one image [height, width, 3]."""
  interpreter.set_tensor(interpreter.get_input_details()[0]['index'], image[None])
  interpreter.invoke()
  return interpreter.get_tensor(interpreter.get_output_details()[0]['index'])[0]


if __name__ == '__main__':
  main(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:])

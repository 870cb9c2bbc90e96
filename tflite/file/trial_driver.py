"""Runs in a process of its own: python trial_driver.py MODEL.tflite

Needs nothing of this project, so that it starts at once.
"""

import os
import resource
import sys


def main(model: str) -> None:
  """Runs a model on a black picture and on one of noise.

  Raises:
    SystemExit: it does not run, with the reason.
  """
  from ai_edge_litert.interpreter import Interpreter
  import numpy as np

  # A damaged size is refused in place of being tried.
  hard = resource.getrlimit(resource.RLIMIT_AS)[1]
  memory = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
  resource.setrlimit(resource.RLIMIT_AS, (memory if hard == resource.RLIM_INFINITY else min(memory, hard), hard))
  try:
    interpreter = Interpreter(model_path=model, num_threads=1)
    interpreter.allocate_tensors()
    (source,) = interpreter.get_input_details()
    noise = np.random.default_rng(0).random(source['shape'], np.float32)
    for picture in (np.zeros_like(noise), noise):
      interpreter.set_tensor(source['index'], picture)
      interpreter.invoke()
      for result in interpreter.get_output_details():
        interpreter.get_tensor(result['index'])
  except (ValueError, RuntimeError, MemoryError, TypeError) as error:
    raise SystemExit(' '.join(str(error).split()) or type(error).__name__) from None


if __name__ == '__main__':
  main(sys.argv[1])

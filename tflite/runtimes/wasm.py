"""LiteRT.js in headless Chromium: the runtime that executes sparsely and is at hand on a desktop."""

from collections.abc import Sequence
import json
import pathlib
import queue
import subprocess
from typing import Any

import numpy as np

from st_tf.errors import UserError
from tflite.runtimes.browser import browsing, missing, served
from tflite.runtimes.measured import Measured, RuntimeMissingError

_PAGE = pathlib.Path(__file__).with_name('wasm.html')
_SECONDS = 600
_LEAST_MILLISECONDS = 30
_WARMUP_MILLISECONDS = 500


def measure(contents: Sequence[bytes], images: np.ndarray, rounds: int = 0) -> list[Measured]:
  """What several models say about the same images, and how long they take in turns.

  Args:
    contents: .tflite files.
    images: [n, height, width, 3] float32, normalised as in training.
    rounds: how often each is timed, in turns; 0 = not at all.

  Raises:
    RuntimeMissingError: no Chromium or no LiteRT.js.
    UserError: a model does not run there.
  """
  if missing():
    raise RuntimeMissingError(missing())
  job = {
    'models': [f'/model{i}.tflite' for i in range(len(contents))],
    'shape': [1, *images.shape[1:]],
    'rounds': rounds,
    'least': _LEAST_MILLISECONDS,
    'warmup': _WARMUP_MILLISECONDS,
  }
  pages = {'/': _PAGE.read_bytes(), '/job.json': json.dumps(job).encode(), '/images': np.ascontiguousarray(images, '<f4').tobytes()}
  pages |= dict(zip(job['models'], contents))
  results: queue.Queue = queue.Queue()
  with served(pages, on_post=results.put) as address, browsing(address) as browser:
    result = _result(results, browser)
  if 'error' in result:
    reason = ' '.join([result['error'], *result['complaints'][-1:]])
    raise UserError(f'A model runs in LiteRT.js. Received: {reason}. Export it again.')
  return [_measured(entry) for entry in result['models']]


def _result(results: queue.Queue, browser: subprocess.Popen) -> dict[str, Any]:
  """What the page posts."""
  for _ in range(_SECONDS):
    try:
      return json.loads(results.get(timeout=1))
    except queue.Empty:
      if browser.poll() is not None:
        raise UserError(f'Chromium stays open. Received: exit code {browser.returncode}. Run it by hand to see why.') from None
  raise UserError(f'A model answers in the browser within {_SECONDS} s. Received: nothing. Try a smaller model.')


def _measured(entry: dict[str, Any]) -> Measured:
  # The runtime only logs that it could not allocate, and then returns what was in memory.
  broken = [line for line in entry['complaints'] if 'ERROR' in line or 'Failed' in line]
  if broken:
    raise UserError(f'A model runs in LiteRT.js. Received: {broken[0]}. Export it again.')
  return Measured(np.asarray(entry['outputs'], np.float32), tuple(entry['milliseconds']))

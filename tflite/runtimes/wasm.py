"""LiteRT.js in headless Chromium: the runtime that executes sparsely and is at hand on a desktop."""

from collections.abc import Iterator, Sequence
import contextlib
import http.server
import json
import os
import pathlib
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
from typing import Any

import numpy as np

from st_tf.errors import UserError
from tflite.runtimes.measured import Measured, RuntimeMissingError

PACKAGE_VARIABLE = 'ST_TF_LITERT_JS'
_PAGE = pathlib.Path(__file__).with_name('wasm.html')
_PACKAGES = pathlib.Path(__file__).parents[1] / 'web' / 'node_modules' / '@litertjs'
_BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')
_FLAGS = (
  *('--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'),
  *('--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'),
)
_TYPES = {'.js': 'text/javascript', '.wasm': 'application/wasm', '.html': 'text/html'}
_SECONDS = 600
_LEAST_MILLISECONDS = 30


def missing() -> str:
  """What this runtime lacks on this machine, and how to get it; empty when it can be used."""
  if not _browser():
    return 'Chromium is needed. Received: none on the PATH. On Debian: apt-get install chromium.'
  if not (_packages() / 'core' / 'dist' / 'index.js').is_file():
    return f'LiteRT.js is needed. Received: none in {_packages()}. Run: make web, or point {PACKAGE_VARIABLE} to node_modules/@litertjs.'
  return ''


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
  }
  pages = {'/': _PAGE.read_bytes(), '/job.json': json.dumps(job).encode(), '/images': np.ascontiguousarray(images, '<f4').tobytes()}
  pages |= dict(zip(job['models'], contents))
  with _served(pages, _packages()) as (address, results), _browsing(address) as browser:
    result = _result(results, browser)
  if 'error' in result:
    reason = ' '.join([result['error'], *result['complaints'][-1:]])
    raise UserError(f'A model runs in LiteRT.js. Received: {reason}. Export it again.')
  return [_measured(entry) for entry in result['models']]


def _result(results: queue.Queue, browser: subprocess.Popen) -> dict[str, Any]:
  """What the page posts."""
  for _ in range(_SECONDS):
    try:
      return results.get(timeout=1)
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


def _browser() -> str | None:
  return next(filter(None, map(shutil.which, _BROWSERS)), None)


def _packages() -> pathlib.Path:
  return pathlib.Path(os.environ.get(PACKAGE_VARIABLE) or _PACKAGES)


@contextlib.contextmanager
def _served(pages: dict[str, bytes], packages: pathlib.Path) -> Iterator[tuple[str, queue.Queue]]:
  """A server on localhost for `pages` and, under /litert/, the packages of LiteRT.js; what is posted goes into the queue."""
  results: queue.Queue = queue.Queue()

  class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
      path = self.path.split('?')[0]
      content = pages.get(path)
      file = (packages / path.removeprefix('/litert/')).resolve()
      if content is None and path.startswith('/litert/') and file.is_relative_to(packages.resolve()) and file.is_file():
        content = file.read_bytes()
      self.send_response(404 if content is None else 200)
      self.send_header(
        'Content-Type', _TYPES.get(pathlib.PurePath(path).suffix, 'text/html' if path == '/' else 'application/octet-stream')
      )
      self.end_headers()
      self.wfile.write(content or b'')

    def do_POST(self) -> None:
      results.put(json.loads(self.rfile.read(int(self.headers['Content-Length']))))
      self.send_response(204)
      self.end_headers()

    def log_message(self, *args: Any) -> None:
      pass

  server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
  threading.Thread(target=server.serve_forever, daemon=True).start()
  try:
    yield f'http://127.0.0.1:{server.server_port}/', results
  finally:
    server.shutdown()
    server.server_close()


@contextlib.contextmanager
def _browsing(address: str) -> Iterator[subprocess.Popen]:
  """A headless browser with a profile of its own, looking at `address`."""
  with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
    process = subprocess.Popen(
      [_browser(), *_FLAGS, f'--user-data-dir={profile}', address],
      stdout=subprocess.DEVNULL,
      stderr=subprocess.DEVNULL,
      start_new_session=True,
    )
    try:
      yield process
    finally:
      with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
      process.wait()

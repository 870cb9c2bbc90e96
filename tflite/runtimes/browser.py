"""Chromium, a server on localhost, and LiteRT.js for its pages."""

from collections.abc import Callable, Iterator, Mapping
import contextlib
import http.server
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from typing import Any

PACKAGE_VARIABLE = 'ST_TF_LITERT_JS'
FLAGS = (
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
)
_PACKAGES = pathlib.Path(__file__).parents[1] / 'web' / 'node_modules' / '@litertjs'
_HERE = '127.0.0.1'
_UNDER = '/litert/'  # Where pages find the packages.
_DIGITS_OF_A_POST = 10  # Of its length: what pages post has some MB.
_BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')
_TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.wasm': 'application/wasm',
}


def browser() -> str | None:
  """The path of Chromium, if there is one."""
  return next(filter(None, map(shutil.which, _BROWSERS)), None)


def missing_packages() -> str:
  """What is to be done to have LiteRT.js; empty when it is there."""
  if (_packages() / 'core' / 'dist' / 'index.js').is_file():
    return ''
  return f'LiteRT.js is needed. Received: none in {_packages()}. Run: make web, or point {PACKAGE_VARIABLE} to node_modules/@litertjs.'


def missing() -> str:
  """What is to be done to have Chromium and LiteRT.js; empty when both are there."""
  if not browser():
    return 'Chromium is needed. Received: none on the PATH. On Debian: apt-get install chromium.'
  return missing_packages()


@contextlib.contextmanager
def served(pages: Mapping[str, bytes], port: int = 0, on_post: Callable[[bytes], Any] | None = None, host: str = _HERE) -> Iterator[str]:
  """The address of a server, for as long as the context lasts; on localhost unless others are to reach it.

  Args:
    pages: contents by path ('/index.html'); '/' is the front page. LiteRT.js is under '/litert/'.
    port: 0 = any free one.
    on_post: called with what a page posts; None = nothing is taken.
    host: address of this machine under which it is reached.

  Raises:
    OSError: the port is taken, or this machine has no such address.
  """
  packages = _packages().resolve()

  class Handler(http.server.BaseHTTPRequestHandler):
    def is_own(self) -> bool:
      """Whether a page of ours asks: no other name leads here, and no other site's script."""
      asked, origin = self.headers.get('Host', ''), self.headers.get('Origin', '')
      # Any port, since this one may be forwarded to another.
      return asked.partition(':')[0] in (_HERE, 'localhost', host) and origin in ('', f'http://{asked}')

    def do_GET(self) -> None:
      if not self.is_own():
        return self.send_error(403)
      path = self.path.split('?')[0]
      content = pages.get(path)
      if content is None and path.startswith(_UNDER):
        content = _file_in(packages, path.removeprefix(_UNDER))
      kind = _TYPES.get(pathlib.PurePath(path if path != '/' else 'index.html').suffix, 'application/octet-stream')
      self.send_response(404 if content is None else 200)
      self.send_header('Content-Type', kind)
      self.send_header('Content-Length', str(len(content or b'')))
      with contextlib.suppress(ConnectionError):  # A page that is reloaded no longer wants what it asked for.
        self.end_headers()
        self.wfile.write(content or b'')

    def do_POST(self) -> None:
      length = self.headers.get('Content-Length', '')
      if on_post is None or not self.is_own() or not (length.isascii() and length.isdecimal() and len(length) < _DIGITS_OF_A_POST):
        return self.send_error(403)
      on_post(self.rfile.read(int(length)))
      self.send_response(204)
      self.end_headers()

    def log_message(self, *args: Any) -> None:
      pass

  server = _Server((host, port), Handler)
  threading.Thread(target=server.serve_forever, daemon=True).start()
  try:
    yield f'http://{host}:{server.server_port}/'
  finally:
    server.shutdown()
    server.server_close()


class _Server(http.server.ThreadingHTTPServer):
  """One that says nothing of those who ask and do not wait for the answer."""

  def handle_error(self, request: Any, client_address: Any) -> None:
    if not isinstance(sys.exception(), ConnectionError | TimeoutError):
      super().handle_error(request, client_address)


def _file_in(folder: pathlib.Path, path: str) -> bytes | None:
  """What is in a file of a folder; None where there is none, or the path is one that no system has."""
  try:
    file = (folder / path).resolve()
    return file.read_bytes() if file.is_relative_to(folder) and file.is_file() else None
  except (OSError, ValueError, RuntimeError):  # Too long, with a zero in it, links in a circle.
    return None


@contextlib.contextmanager
def browsing(address: str) -> Iterator[subprocess.Popen]:
  """A headless browser with a profile of its own, looking at `address`."""
  with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
    process = subprocess.Popen(
      [browser(), *FLAGS, f'--user-data-dir={profile}', address],
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


def _packages() -> pathlib.Path:
  return pathlib.Path(os.environ.get(PACKAGE_VARIABLE) or _PACKAGES)

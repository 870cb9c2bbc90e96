"""Keeps what native libraries print on standard error until it is known whether anybody needs it."""

from collections.abc import Iterator
import contextlib
import os
import sys
import tempfile
from typing import IO


@contextlib.contextmanager
def captured_stderr() -> Iterator[IO[bytes]]:
  """Sends standard error of the whole process, C++ included, to the temporary file it gives.

  The converter and the interpreter log through the file descriptor, where neither Python's logging nor a variable set
  after the first import reaches them. Not for use while other threads have something to say.
  """
  sys.stderr.flush()
  kept = os.dup(2)
  try:
    with tempfile.TemporaryFile() as log:
      os.dup2(log.fileno(), 2)
      try:
        yield log
      finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
  finally:
    os.close(kept)


def last_line(log: IO[bytes]) -> str:
  """The last thing that was printed, or nothing."""
  log.seek(0)
  lines = [line for line in log.read().decode(errors='replace').splitlines() if line.strip()]
  return lines[-1].strip() if lines else ''

"""What a command is doing that takes a while: a line when it begins, and one now and then."""

from collections.abc import Iterator
import contextlib
import sys
import threading
import time

from st_tf import wording

_BETWEEN_LINES = 30  # Seconds.


@contextlib.contextmanager
def stage(words: str) -> Iterator[None]:
  """Says on standard error what is done within the context, and every 30 seconds for how long already."""
  print(f'{words}.', file=sys.stderr, flush=True)
  began, done = time.monotonic(), threading.Event()

  def tell() -> None:
    while not done.wait(_BETWEEN_LINES):
      print(f'{words}: {wording.duration(time.monotonic() - began)} so far.', file=sys.stderr, flush=True)

  teller = threading.Thread(target=tell, daemon=True)
  teller.start()
  try:
    yield
  finally:
    done.set()
    teller.join()

"""One process at a time in a folder."""

from collections.abc import Callable
import contextlib
import fcntl
import os
import pathlib
import time

from st_tf.errors import Interrupted

NAME = '.lock'
_POLL_SECONDS = 2.0


class Lock:
  """Keeps other processes out of a folder; the system lets go when this one ends, however it ends.

  Args:
    folder: that is there.
    wait: whether to wait for another process that uses it.
    asked_to_stop: asked while waiting; the name of what asks, or nothing.

  Raises:
    BlockingIOError: another one does.
    Interrupted: while waiting.
    OSError: the folder cannot be written.
  """

  def __init__(self, folder: pathlib.Path, wait: bool = False, asked_to_stop: Callable[[], str] = lambda: ''):
    # Not of a link, which would lock, or make, a file elsewhere.
    self._held = os.fdopen(os.open(folder / NAME, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o666), 'r+b', buffering=0)
    try:
      self._take()
      return
    except BlockingIOError:
      if not wait:
        raise
    print(f'Waiting for another process, which trains {folder.name}.', flush=True)
    while True:  # Asked again and again, since a call that blocks would not hear Ctrl-C before the lock is free.
      time.sleep(_POLL_SECONDS)
      if asked_to_stop():
        raise Interrupted(f'{asked_to_stop()}: stopped while waiting for {folder.name}.')
      with contextlib.suppress(BlockingIOError):
        return self._take()

  def release(self) -> None:
    """Lets others in."""
    self._held.close()

  def _take(self) -> None:
    fcntl.lockf(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)

"""One process at a time in a folder elsewhere, where no system lets go of what a dead process held: who works there gives signs of life."""

from collections.abc import Iterator
import contextlib
import fcntl
import json
import math
import os
import pathlib
import socket
import threading
import time
from typing import Any
import uuid

from st_tf import processes
from st_tf.errors import UserError
from st_tf.storage import Storage

NAME = '.owner.json'
_SECONDS = 10.0  # Between two signs.
_EXPIRES = 60.0  # Seconds without one, after which a folder is another process's.


class Owner:
  """This process as the one that works in a folder.

  Args:
    storage: where the folder is.
    lock: a file of this machine, for its other processes.

  Attributes:
    token: what it is known by.
    taken_by: the machine of another process that has taken over; '' = none has.
  """

  def __init__(self, storage: Storage, lock: pathlib.Path):
    self.token, self.taken_by = uuid.uuid4().hex, ''
    self._storage, self._lock = storage, lock
    self._after: str | None = ''  # Who has worked there before, until this one has begun.
    self._confirmed = -math.inf  # When it was last known, by a clock that goes on while the machine sleeps.

  @contextlib.contextmanager
  def held(self, waits: bool = False) -> Iterator[set[str]]:
    """Keeps others out; gives the tokens of whom has worked there last: of one that did not come to begin, also whom it came after.

    Args:
      waits: whether to wait until no other process works there.

    Raises:
      UserError: another process works there.
    """
    self._lock.parent.mkdir(parents=True, exist_ok=True)
    with open(self._lock, 'a') as lock:
      try:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
      except BlockingIOError as error:
        raise self._in_use(socket.gethostname()) from error
      before, ended = self._take(waits), threading.Event()
      living = threading.Thread(target=self._live, args=(ended,), daemon=True)
      living.start()
      try:
        yield before
      finally:
        ended.set()
        living.join()
        with contextlib.suppress(UserError):
          if not self.taken_by and self._last().get('token') == self.token:
            self._sign(released=True)

  def begin(self) -> None:
    """Notes that what lies elsewhere is from now on this process's."""
    self._after = None
    self._sign()

  def check(self, surely: bool = False) -> None:
    """Refuses to go on where another process has taken over.

    Args:
      surely: whether that is asked anew, and not only where it was not for some time.

    Raises:
      UserError: it has, or nobody answers.
    """
    if surely or _now() - self._confirmed > 2 * _SECONDS:
      self._look()
    if self.taken_by:
      raise UserError(
        f'One process at a time works in a folder. Received: {self._storage.address}, which one on {self.taken_by} has taken over.'
      )

  def _take(self, waits: bool) -> set[str]:
    before, waited = self._last(), 0.0
    while not before.get('released', True) and waited < _EXPIRES:
      if not waited:
        print(f'Waiting {_EXPIRES:.0f} s for a sign of life of another process in {self._storage.address}.', flush=True)
      time.sleep(min(_SECONDS, _EXPIRES) / 2)
      waited += min(_SECONDS, _EXPIRES) / 2
      if (now := self._last()) != before:
        if not now.get('released', True) and not waits:
          raise self._in_use(now.get('host'))
        before, waited = now, 0.0
    known = {str(before.get('token', '')), *([str(before['after'])] if 'after' in before else [])}
    self._after = str(before.get('after', before.get('token', '')))
    self._sign()
    if (now := self._last()).get('token') != self.token:
      raise self._in_use(now.get('host'))
    return known

  def _live(self, ended: threading.Event) -> None:
    while not ended.wait(_SECONDS):
      with contextlib.suppress(UserError):  # An outage may be over at the next sign.
        self._look()
        if self.taken_by:
          processes.interrupt()
          return
        self._sign()

  def _look(self) -> None:
    last = self._last()
    if last.get('token', self.token) != self.token:
      self.taken_by = str(last.get('host') or 'a machine without a name')
    else:
      self._confirmed = _now()

  def _sign(self, released: bool = False) -> None:
    content = {'token': self.token, 'host': socket.gethostname(), 'process': os.getpid(), 'sign': uuid.uuid4().hex, 'released': released}
    content |= {} if self._after is None else {'after': self._after}
    self._storage.write(NAME, json.dumps(content).encode())

  def _last(self) -> dict[str, Any]:
    try:
      found = json.loads(self._storage.read(NAME) or b'{}')
    except ValueError:
      return {}
    return found if isinstance(found, dict) else {}

  def _in_use(self, host: Any) -> UserError:
    return UserError(
      f'One process at a time works in a folder. Received: {self._storage.address}, in which one on {host} does. Wait for it.'
    )


def _now() -> float:
  """Seconds of a clock that nobody sets back, and that goes on while the machine sleeps where there is one of that kind."""
  return time.clock_gettime(getattr(time, 'CLOCK_BOOTTIME', time.CLOCK_MONOTONIC))

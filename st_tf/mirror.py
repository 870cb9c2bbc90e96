"""A folder of this machine that stands for one on storage elsewhere, and is kept the same.

It begins as what is elsewhere; what changes in it is copied there every few seconds and at the end, in an order in which what is there
continues at any moment, on any machine.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import sys
import threading
import time

from st_tf import files, ownership
from st_tf.errors import UserError
from st_tf.ownership import Owner
from st_tf.storage import Storage

_SECONDS = 10.0  # Between two looks at what has changed.
PAUSES = (5.0, 10.0, 20.0, 40.0, 80.0)  # Seconds before what could not be copied at the end is tried again.
_KNOWN = '.elsewhere.json'  # In the folder here.
_LOCK = '.lock'
# Parts of a run's folder that go on from those before them, and their files that say that the others are whole.
_FINISHED, _CONFIG = 'finished.json', 'config.json'
_ORDER = ('tickets', 'checkpoints', _FINISHED)
_WHOLE = ('ticket.json', 'state.json')

Stat = tuple[int, int]


@dataclasses.dataclass
class _Seen:
  """A file when both sides were last the same.

  Attributes:
    here: its size and time.
    there: what the storage knows it by.
  """

  here: Stat
  there: str


class Folder:
  """A folder elsewhere and the one that stands for it here.

  Args:
    address: of the folder.
    purpose: of the one here; those of other purposes do not touch each other.

  Attributes:
    address: of the folder.
    path: here.

  Raises:
    UserError: there is no such storage, or what it needs is not installed. Every method raises it where the storage does not answer.
  """

  def __init__(self, address: str, purpose: str = 'run'):
    self._storage = Storage(address)
    self.address = self._storage.address
    cache = files.expanded(os.environ.get('XDG_CACHE_HOME') or '~/.cache') / 'supertickets' / purpose
    name = hashlib.sha256(self.address.encode()).hexdigest()[:16]
    self.path = cache / name / (self.address.rpartition('/')[2] or 'folder')
    self._owner = Owner(self._storage, self.path.parent / _LOCK)
    self._seen: dict[str, _Seen] = {}
    self._missed: set[str] = set()  # Files that were not there at the last look: what is being replaced comes back.
    self._is_held, self._forgets = False, False
    self._copying = threading.RLock()  # One thread at a time compares both sides.

  @property
  def is_empty(self) -> bool:
    """Whether nothing was there at the last look."""
    return not self._seen

  def pull(self, keeps: bool = False) -> None:
    """Makes the folder here what is elsewhere.

    Args:
      keeps: whether what has changed here stays as it is.
    """
    with self._copying:
      self._seen = self._known()[1]
      self._bring(self._listed(), list(self._seen), keeps)

  def take(self, part: str) -> None:
    """Makes a part of the folder here what it is elsewhere, where another process has worked in it.

    Args:
      part: name of a file or a folder there.
    """
    with self._copying:
      self._seen = self._seen or self._known()[1]
      there = {name: version for name, version in self._listed(part).items() if _is_part(name, part)}
      self._bring(there, [name for name in self._seen if _is_part(name, part)], keeps=False)

  def _bring(self, there: Mapping[str, str], known: Sequence[str], keeps: bool) -> None:
    """Copies what is `there`, and removes what is `known` and there no more, except what has changed here where that is kept."""

    def stays(name: str) -> bool:
      seen, here = self._seen.get(name), _stat(self.path / name)
      return keeps and here is not None and (seen is None or seen.here != here)

    try:
      for name, version in there.items():
        seen = self._seen.get(name)
        if not stays(name) and (seen is None or (seen.here, seen.there) != (_stat(self.path / name), version)):
          self._download(name)
          self._seen[name] = _Seen(_stat(self.path / name) or (0, 0), version)
      for name in known:
        if name not in there:
          if not stays(name):
            (self.path / name).unlink(missing_ok=True)
          self._seen.pop(name)
    finally:
      self.path.mkdir(parents=True, exist_ok=True)
      self._remember()

  def push(self, at_rest: bool = True) -> None:
    """Copies what has changed here.

    Args:
      at_rest: whether nothing is written here meanwhile; else what is not there is removed elsewhere at the second look.

    Raises:
      UserError: another process has taken over, or the folder here is gone, too.
    """
    with self._copying:
      self._push(at_rest)

  def _push(self, at_rest: bool) -> None:
    self._check()
    here = _stats(self.path)
    changed = [name for name, stat in here.items() if name not in self._seen or self._seen[name].here != stat]
    missed, self._missed = self._missed, {name for name in self._seen if name not in here}
    gone = sorted(self._missed if at_rest else self._missed & missed)
    if not changed and not gone:
      return
    if self._forgets and any(name.split('/')[-1] == _CONFIG for name in changed):  # The run has forgotten what was there.
      self._drop(sorted(self._missed, key=lambda name: (name.split('/')[-1] != _FINISHED, name)))
      self._forgets, gone = False, []
    sent = {}
    for name in sorted(changed, key=_rank):
      self._owner.check()
      try:
        self._storage.put(str(self.path / name), name)
        sent[name] = here[name]
      except UserError:
        if _stat(self.path / name):  # Else it was replaced meanwhile, and comes at the next look.
          raise
    self._drop(gone)
    there = self._listed()
    self._seen |= {name: _Seen(stat, there[name]) for name, stat in sent.items() if name in there}
    self._remember()

  def _drop(self, names: Iterable[str]) -> None:
    self._check()
    for name in names:
      self._owner.check()
      self._storage.remove(name)
      self._seen.pop(name)

  def _check(self) -> None:
    """Refuses to copy from a folder that is not, or no more, what both sides had in common."""
    if self._is_held:
      self._owner.check(surely=True)
      if self._known()[0] != self._owner.token:
        raise UserError(
          f'A folder stays while it is worked in. Received: {self.path}, which somebody has removed. Nothing is removed elsewhere.'
        )

  @contextlib.contextmanager
  def held(self, fresh: bool = False, waits: bool = False) -> Iterator[None]:
    """Keeps other processes out of the folder elsewhere, begins with what is in it, and copies what changes until the end.

    Args:
      fresh: whether what is there is to be forgotten, which is done elsewhere once the run has done it here.
      waits: whether to wait until no other process works there.

    Raises:
      UserError: another process works there, too.
    """
    with cached(self.path):
      self.path.parent.mkdir(parents=True, exist_ok=True)
    with self._owner.held(waits) as before:
      with cached(self.path):
        self._begin(before, fresh)
      ended = threading.Event()
      copying = threading.Thread(target=self._copy, args=(ended,), daemon=True)
      copying.start()
      _held[self.path.resolve()] = self
      try:
        yield
      finally:
        _held.pop(self.path.resolve(), None)
        ended.set()
        copying.join()
        self._end(sys.exception())

  def _begin(self, before: set[str], fresh: bool) -> None:
    """What is here and elsewhere when work begins; `before` is who has worked there last."""
    token, self._seen = self._known()
    here = _stats(self.path)
    if token not in before and any(name not in self._seen or self._seen[name].here != stat for name, stat in here.items()):
      kept = self.path.with_name(f'{self.path.name}.kept-{time.strftime("%Y%m%d-%H%M%S")}-{self._owner.token[:4]}')
      self.path.rename(kept)
      print(f'warning: {self.address} has changed since; what was here and never came there is kept in {kept}.', file=sys.stderr)
    self.pull(keeps=token in before and self.path.is_dir())
    self._remember(self._owner.token)
    self._owner.begin()
    self._is_held, self._forgets = True, fresh

  def _end(self, error: BaseException | None) -> None:
    """Copies the last changes; what goes wrong then is only said where something else has before."""
    for pause in (*(PAUSES if error is None else PAUSES[:1]), 0.0):
      try:
        self.push()
        return
      except (UserError, OSError) as failed:
        if pause and not self._owner.taken_by:
          print(f'warning: {failed} Trying again in {pause:.0f} s.', file=sys.stderr, flush=True)
          time.sleep(pause)
          continue
        said = f'{failed} What is not there is in {self.path}' + (
          '.' if self._owner.taken_by else '; the same command on this machine copies it.'
        )
        if error is None:
          raise UserError(said) from failed
        print(f'warning: {said}', file=sys.stderr, flush=True)
        return

  def _copy(self, ended: threading.Event) -> None:
    failed = ''
    while not ended.wait(_SECONDS) and not self._owner.taken_by:
      try:
        self.push(at_rest=False)
        failed = ''
      except Exception as error:  # Whatever it was, it may be over at the next look.
        if str(error) != failed:
          failed = str(error)
          print(f'warning: {error}', file=sys.stderr, flush=True)

  def _listed(self, part: str = '') -> dict[str, str]:
    return {name: version for name, version in self._storage.listed(part).items() if name.rpartition('/')[2] != ownership.NAME}

  def _download(self, name: str) -> None:
    path = self.path / name
    if not path.resolve().is_relative_to(self.path.resolve()):
      raise UserError(f'Names of files stay in their folder. Received: {self.address} with {name!r}. Remove it.')
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_file(path, lambda unfinished: self._storage.get(name, str(unfinished)))

  def _known(self) -> tuple[str, dict[str, _Seen]]:
    """(Who this folder was last worked in by, what both sides had in common then)."""
    try:
      found = json.loads((self.path / _KNOWN).read_text())
      seen = {name: _Seen((int(here[0]), int(here[1])), str(there)) for name, (here, there) in found['seen'].items()}
      return str(found['token']), seen
    except (OSError, ValueError, TypeError, AttributeError, IndexError, KeyError):
      return 'none', {}

  def _remember(self, token: str = '') -> None:
    token = token or self._known()[0]
    seen = {name: [seen.here, seen.there] for name, seen in self._seen.items()}
    files.write_text(self.path / _KNOWN, json.dumps({'token': token, 'seen': seen}))


_held: dict[pathlib.Path, Folder] = {}  # In which this process works, by the folders here.


def stood_for(path: pathlib.Path) -> Folder | None:
  """What a folder of this machine, in which this process works, stands for; None where it is that folder itself."""
  return _held.get(path.resolve())


def _is_part(name: str, part: str) -> bool:
  return name == part or name.startswith(f'{part}/')


def _rank(name: str) -> tuple:
  """What runs go on from comes after all else, of stages before their run's, and what says that others are whole after them."""
  parts = name.split('/')
  at = next((index for index, part in enumerate(parts) if part in _ORDER), None)
  if at is None:
    return 0, name
  return 1, -at, parts[:at], _ORDER.index(parts[at]), parts[-1] in _WHOLE, name


@contextlib.contextmanager
def cached(path: pathlib.Path) -> Iterator[None]:
  """Says in one line, where `path` cannot be written, what to do.

  Raises:
    UserError: it cannot.
  """
  try:
    yield
  except OSError as error:
    raise UserError(
      f'What stands for a folder elsewhere can be written. Received: {path} ({error}). Set XDG_CACHE_HOME to another.'
    ) from error


def _stat(path: pathlib.Path) -> Stat | None:
  try:
    found = path.stat()
  except OSError:
    return None
  return found.st_size, found.st_mtime_ns


def _stats(folder: pathlib.Path) -> dict[str, Stat]:
  """Size and time of each finished file of a folder, by its name there."""
  found = {}
  for root, inner, names in os.walk(folder):
    inner[:] = [name for name in inner if not files.is_unfinished(name)]
    for name in names:
      path = pathlib.Path(root, name)
      if name not in (_LOCK, _KNOWN) and not files.is_unfinished(name) and (stat := _stat(path)):
        found[path.relative_to(folder).as_posix()] = stat
  return found

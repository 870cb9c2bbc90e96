"""Folders on storage elsewhere (s3://bucket/run, gs://bucket/run, ...), through fsspec.

A run works in a folder of this machine, which stands for the one elsewhere: it begins as what is there, and what changes in it is copied
there every few seconds and at the end. Checkpoints come after what they go on from and before anything is removed, so that what is there
continues at any moment, on any machine.
"""

from collections.abc import Iterator
import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import socket
import sys
import threading
import time
from typing import Any
import uuid

from st_tf import files, workers
from st_tf.errors import UserError

_SECONDS = 10.0  # Between two looks at what has changed.
_EXPIRES = 60.0  # Seconds without a sign of life, after which a folder is another process's.
_OWNER = '.owner.json'  # Elsewhere.
_KNOWN = '.elsewhere.json'  # Here, beside the folder.
_LAST = ('checkpoints', 'tickets')  # Parts of a run's folder that go on from the others.
_LOCK = '.lock'
_OF_THIS_KIND = ('file://', 'local://')  # Addresses of folders.

Stat = tuple[int, int]


def is_elsewhere(path: str | os.PathLike[str]) -> bool:
  """Whether it is an address, such as s3://bucket/run, and no path."""
  return '://' in os.fspath(path)


@contextlib.contextmanager
def worked_in(path: str, writes: bool = True, is_shared: bool = False) -> Iterator[str]:
  """The path itself; of an address, a folder of this machine that stands for it meanwhile.

  Args:
    path: or address.
    writes: whether anything is written there.
    is_shared: whether several machines work in it at a time.

  Raises:
    UserError: it cannot be reached, is shared, or another process works in it.
  """
  if not is_elsewhere(path):
    yield path
    return
  if is_shared or workers.here().count > 1:
    raise UserError(
      f'Machines that share a --workdir see it as a folder. Received: {path}. Mount it, or name a folder that all of them see.'
    )
  if not writes:
    yield str(_pulled(path).path)
    return
  folder = Folder(path)
  with folder.held():
    print(f'Working in {folder.path}, which is copied to {path}.', flush=True)
    yield str(folder.path)


def fetched(path: str | os.PathLike[str]) -> str:
  """The path itself; of an address, a folder of this machine with what is there now.

  Raises:
    UserError: it cannot be reached, or nothing is there.
  """
  if not is_elsewhere(path):
    return os.fspath(path)
  folder = _pulled(os.fspath(path))
  if folder.is_empty:
    raise UserError(f'What is read is there. Received: {path}, where nothing is. Check the address.')
  return str(folder.path)


def _pulled(address: str) -> 'Folder':
  folder = Folder(address, 'read')
  folder.pull()
  return folder


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
    path: here.

  Raises:
    UserError: there is no such storage, or what it needs is not installed.
  """

  def __init__(self, address: str, purpose: str = 'run'):
    self.address = address.rstrip('/')
    cache = files.expanded(os.environ.get('XDG_CACHE_HOME') or '~/.cache') / 'supertickets' / purpose
    name = hashlib.sha256(self.address.encode()).hexdigest()[:16]
    self.path = cache / name / (self.address.rpartition('/')[2] or 'folder')
    self._known_path, self._token = self.path.parent / _KNOWN, uuid.uuid4().hex
    self._seen: dict[str, _Seen] = {}
    self._missed: set[str] = set()  # Files that were not there at the last look: what is being replaced comes back.
    with self._reached():
      import fsspec

      makes = {'auto_mkdir': True} if self.address.startswith(_OF_THIS_KIND) else {}  # Elsewhere names need no folders.
      self._storage, self._root = fsspec.core.url_to_fs(self.address, **makes)

  @property
  def is_empty(self) -> bool:
    """Whether nothing was there at the last look."""
    return not self._seen

  def pull(self) -> None:
    """Makes the folder here what is elsewhere; what has changed here alone since is kept, and copied there when it is worked in.

    Raises:
      UserError: the storage does not answer, or both sides have changed.
    """
    self._seen = self._known()
    with self._reached():
      there = self._listed()
    here = _stats(self.path)
    changed = {name for name in {*here, *self._seen} if here.get(name) != (self._seen[name].here if name in self._seen else None)}
    differs = {name for name in {*there, *self._seen} if there.get(name) != (self._seen[name].there if name in self._seen else None)}
    if changed and differs:
      raise UserError(
        f'One of both sides has changed since they were the same. Received: {self.address} with {min(differs)}, and {self.path} with'
        f' {min(changed)}. Move {self.path} away to go on from what is there.'
      )
    for name in sorted(differs):
      if name in there:
        self._download(name)
        self._seen[name] = _Seen(_stat(self.path / name), there[name])
      else:
        (self.path / name).unlink(missing_ok=True)
        self._seen.pop(name)
    self.path.mkdir(parents=True, exist_ok=True)
    self._remember()

  def push(self, at_rest: bool = True) -> None:
    """Copies what has changed here.

    Args:
      at_rest: whether nothing is written here meanwhile; else what is not there is removed elsewhere at the second look.

    Raises:
      UserError: the storage does not answer.
    """
    here = _stats(self.path)
    changed = [name for name, stat in here.items() if name not in self._seen or self._seen[name].here != stat]
    missed, self._missed = self._missed, {name for name in self._seen if name not in here}
    gone = sorted(self._missed if at_rest else self._missed & missed)
    if not changed and not gone:
      return
    with self._reached():
      sent = {}
      for name in sorted(changed, key=lambda name: (_rank(name), name)):
        with contextlib.suppress(FileNotFoundError):  # It was replaced meanwhile, and comes at the next look.
          self._storage.put_file(str(self.path / name), f'{self._root}/{name}')
          sent[name] = here[name]
      for name in gone:
        with contextlib.suppress(FileNotFoundError):
          self._storage.rm_file(f'{self._root}/{name}')
      there = self._listed()
    self._seen = {name: seen for name, seen in self._seen.items() if name not in gone}
    self._seen |= {name: _Seen(stat, there[name]) for name, stat in sent.items() if name in there}
    self._remember()

  @contextlib.contextmanager
  def held(self) -> Iterator[None]:
    """Keeps other processes out of the folder elsewhere, begins with what is in it, and copies what changes until the end."""
    self._take()
    ended = threading.Event()
    thread = threading.Thread(target=self._keep, args=(ended,), daemon=True)
    try:
      self.pull()
      thread.start()
      try:
        yield
      finally:
        ended.set()
        thread.join()
        self._end(sys.exception())
    finally:
      self._release()

  def _end(self, error: BaseException | None) -> None:
    """Copies the last changes; what goes wrong then is only said where something else has before."""
    try:
      self._check_owner()
      self.push()
    except UserError as failed:
      if error is None:
        raise
      print(f'warning: {failed}', file=sys.stderr, flush=True)

  def _keep(self, ended: threading.Event) -> None:
    failed = ''
    while not ended.wait(_SECONDS):
      try:
        self._check_owner()
        self._sign()
        self.push(at_rest=False)
        failed = ''
      except UserError as error:
        if str(error) != failed:
          failed = str(error)
          print(f'warning: {error}', file=sys.stderr, flush=True)

  # Whose it is.

  def _take(self) -> None:
    with self._reached():
      before, waited = self._owner(), 0.0
      while before and self._owner() == before and waited < _EXPIRES:
        if not waited:
          print(f'Waiting up to {_EXPIRES:.0f} s, whether another process still works in {self.address}.', flush=True)
        time.sleep(min(_SECONDS, _EXPIRES) / 2)
        waited += min(_SECONDS, _EXPIRES) / 2
      now = self._owner()
    if now and now != before:
      raise UserError(f'One process at a time works in a folder. Received: {self.address}, in which {now.get("host")} does. Wait for it.')
    self._sign()
    self._check_owner()

  def _sign(self) -> None:
    with self._reached():
      content = {'token': self._token, 'host': socket.gethostname(), 'process': os.getpid(), 'sign': uuid.uuid4().hex}
      self._storage.pipe_file(f'{self._root}/{_OWNER}', json.dumps(content).encode())

  def _check_owner(self) -> None:
    with self._reached():
      owner = self._owner()
    if owner.get('token') != self._token:
      raise UserError(
        f'One process at a time works in a folder. Received: {self.address}, which {owner.get("host", "nobody")} has taken over. What was'
        f' trained since is in {self.path}.'
      )

  def _owner(self) -> dict[str, Any]:
    try:
      self._storage.invalidate_cache()
      found = json.loads(self._storage.cat_file(f'{self._root}/{_OWNER}'))
      return found if isinstance(found, dict) else {}
    except (FileNotFoundError, ValueError):
      return {}

  def _release(self) -> None:
    with contextlib.suppress(UserError, FileNotFoundError), self._reached():
      if self._owner().get('token') == self._token:
        self._storage.rm_file(f'{self._root}/{_OWNER}')

  # What is where.

  def _listed(self) -> dict[str, str]:
    """What each file elsewhere is known by."""
    self._storage.invalidate_cache()
    try:
      found = self._storage.find(self._root, detail=True)
    except FileNotFoundError:
      return {}
    root = self._root.rstrip('/')
    names = {path[len(root) :].lstrip('/'): info for path, info in found.items()}
    return {name: _version(info) for name, info in names.items() if name and name != _OWNER}

  def _download(self, name: str) -> None:
    path = self.path / name
    if not path.resolve().is_relative_to(self.path.resolve()):
      raise UserError(f'Names of files stay in their folder. Received: {self.address} with {name!r}. Remove it.')
    path.parent.mkdir(parents=True, exist_ok=True)
    with self._reached():
      files.write_file(path, lambda unfinished: self._storage.get_file(f'{self._root}/{name}', str(unfinished)))

  def _known(self) -> dict[str, _Seen]:
    try:
      found = json.loads(self._known_path.read_text())
      return {name: _Seen((int(here[0]), int(here[1])), str(there)) for name, (here, there) in found.items()}
    except (OSError, ValueError, TypeError, AttributeError, IndexError, KeyError):
      return {}

  def _remember(self) -> None:
    self._known_path.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(self._known_path, json.dumps({name: [seen.here, seen.there] for name, seen in self._seen.items()}))

  @contextlib.contextmanager
  def _reached(self) -> Iterator[None]:
    try:
      yield
    except UserError:
      raise
    except Exception as error:  # Each storage has errors of its own.
      said = ' '.join((str(error).strip() or type(error).__name__).split())
      raise UserError(f'A folder elsewhere is at an address that answers. Received: {self.address} ({said:.300}).') from error


def _rank(name: str) -> int:
  return any(part in _LAST for part in pathlib.PurePosixPath(name).parts)


def _version(info: dict[str, Any]) -> str:
  marks = [str(info[key]) for key in ('ETag', 'etag', 'md5Hash', 'LastModified', 'last_modified', 'mtime', 'created') if info.get(key)]
  return f'{info.get("size")} {marks[0] if marks else ""}'


def _stat(path: pathlib.Path) -> Stat:
  found = path.stat()
  return found.st_size, found.st_mtime_ns


def _stats(folder: pathlib.Path) -> dict[str, Stat]:
  """Size and time of each finished file of a folder, by its name there."""
  found = {}
  for path in folder.rglob('*'):
    name = path.relative_to(folder)
    if path.name == _LOCK or any(files.is_unfinished(part) for part in name.parts):
      continue
    with contextlib.suppress(FileNotFoundError):
      if path.is_file():
        found[name.as_posix()] = _stat(path)
  return found

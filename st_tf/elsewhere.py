"""Folders on storage elsewhere (s3://bucket/run, gs://bucket/run, ...), worked in and read by way of folders of this machine."""

from collections.abc import Iterator
import contextlib
import os

from st_tf import workers
from st_tf.errors import UserError
from st_tf.mirror import Folder, cached


def is_elsewhere(path: str | os.PathLike[str]) -> bool:
  """Whether it is an address, such as s3://bucket/run, and no path."""
  return '://' in os.fspath(path)


def check_here(**paths: str) -> None:
  """Refuses addresses where paths are needed.

  Args:
    **paths: by the names of their flags.

  Raises:
    UserError: one is an address.
  """
  for name, path in paths.items():
    if is_elsewhere(path):
      raise UserError(f'--{name} is a folder that all who use it see. Received: --{name}={path}. Mount it, and name that folder.')


@contextlib.contextmanager
def worked_in(path: str, writes: bool = True, fresh: bool = False, is_shared: bool = False, waits: bool = False) -> Iterator[str]:
  """The path itself; of an address, a folder of this machine that stands for it meanwhile.

  Args:
    path: or address.
    writes: whether anything is written there.
    fresh: whether the run that is there is to be forgotten.
    is_shared: whether several machines work in it at a time.
    waits: whether to wait until no other process works there.

  Raises:
    UserError: it cannot be reached, is shared, or another process works in it.
  """
  if not is_elsewhere(path):
    yield path
    return
  if is_shared or workers.here().count > 1:
    check_here(workdir=path)
  if not writes:
    yield str(_copied(path).path)
    return
  folder = Folder(path)
  with folder.held(fresh, waits):
    print(f'Working in {folder.path}, which is copied to {path}.', flush=True)
    yield str(folder.path)


def fetched(path: str | os.PathLike[str]) -> str:
  """The path itself; of an address, a folder of this machine with what is there now.

  Raises:
    UserError: it cannot be reached, or nothing is there.
  """
  if not is_elsewhere(path):
    return os.fspath(path)
  folder = _copied(os.fspath(path))
  if folder.is_empty:
    raise UserError(f'What is read is there. Received: {path}, where nothing is. Check the address.')
  return str(folder.path)


def fetched_file(path: str | os.PathLike[str]) -> str:
  """As `fetched`, of a single file."""
  if not is_elsewhere(path):
    return os.fspath(path)
  address, _, name = os.fspath(path).rpartition('/')
  folder = Folder(address, 'read')
  with cached(folder.path):
    folder.take(name)
  if not (folder.path / name).is_file():
    raise UserError(f'What is read is there. Received: {path}, where no file is. Check the address.')
  return str(folder.path / name)


def _copied(address: str) -> Folder:
  folder = Folder(address, 'read')
  with cached(folder.path):
    folder.pull()
  return folder

"""Files under an address such as s3://bucket/run, through fsspec, whose storages each have errors of their own."""

from collections.abc import Iterator
import contextlib
from typing import Any

from st_tf.errors import UserError

_OF_FOLDERS = ('file://', 'local://')  # Addresses where a name needs its folder.
_MARKS = ('ETag', 'etag', 'md5Hash', 'LastModified', 'last_modified', 'mtime', 'created')


class Storage:
  """What lies under an address.

  Args:
    address: of a folder.

  Attributes:
    address: of the folder.

  Raises:
    UserError: there is no such storage, or what it needs is not installed. Every method raises it where the storage does not answer.
  """

  def __init__(self, address: str):
    self.address = address.rstrip('/')
    with self._reached():
      import fsspec

      makes = {'auto_mkdir': True} if self.address.startswith(_OF_FOLDERS) else {}
      self._fs, self._root = fsspec.core.url_to_fs(self.address, **makes)

  def listed(self, part: str = '') -> dict[str, str]:
    """What each file is known by, by its name below the address; another content is known by something else.

    Args:
      part: only the file, or what is in the folder, of this name.
    """
    with self._reached():
      self._fs.invalidate_cache()
      try:
        found = self._fs.find(self._path(part) if part else self._root, detail=True)
      except FileNotFoundError:
        return {}
    root = self._root.rstrip('/')
    named = {path[len(root) :].lstrip('/'): info for path, info in found.items() if info.get('type', 'file') == 'file'}
    return {name: _version(info) for name, info in named.items() if name and not name.endswith('/')}  # '/' ends what consoles call folders.

  def read(self, name: str) -> bytes:
    """The content of a file; nothing where it is not there."""
    with self._reached():
      self._fs.invalidate_cache()
      try:
        return self._fs.cat_file(self._path(name))
      except FileNotFoundError:
        return b''

  def write(self, name: str, content: bytes) -> None:
    """Makes a file of this content."""
    with self._reached():
      self._fs.pipe_file(self._path(name), content)

  def get(self, name: str, path: str) -> None:
    """Copies a file to a path of this machine."""
    with self._reached():
      self._fs.get_file(self._path(name), path)

  def put(self, path: str, name: str) -> None:
    """Copies a file of this machine there."""
    with self._reached():
      self._fs.put_file(path, self._path(name))

  def remove(self, name: str) -> None:
    """Removes a file, if it is there."""
    with self._reached(), contextlib.suppress(FileNotFoundError):
      self._fs.rm_file(self._path(name))

  def _path(self, name: str) -> str:
    return f'{self._root}/{name}'

  @contextlib.contextmanager
  def _reached(self) -> Iterator[None]:
    try:
      yield
    except Exception as error:
      said = ' '.join((str(error).strip() or type(error).__name__).split())
      raise UserError(f'A folder elsewhere is at an address that answers. Received: {self.address} ({said:.300}).') from error


def _version(info: dict[str, Any]) -> str:
  return f'{info.get("size")} {next((info[mark] for mark in _MARKS if info.get(mark)), "")}'

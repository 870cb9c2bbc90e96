"""Files that are either whole or not there, and arrays in them without pickles.

What is being written has a name that nobody can foresee, so that no link that lies there is followed, and the rights that the user's umask
gives.
"""

from collections.abc import Callable, Mapping
import errno
import glob
import hashlib
import os
import pathlib
import re
import secrets
import shutil
from typing import Any
import zipfile
import zlib

import numpy as np
import safetensors
import safetensors.numpy

_UNFINISHED = '.unfinished'
_REPLACED = '.replaced'
_REMOVED = '.removed'
_LEFT = re.compile(r'\.(?:(?P<replaced>.+)\.replaced|.+\.[0-9a-f]{8}\.(?:removed|unfinished(?:\.\w+)?))')
_DIGEST = 'digest'
_UNPACKED, _TIMES = 256 * 2**20, 100  # What archives may unpack to: so many bytes, or so many times their own size.
_NPZ = (b'PK\x03\x04', b'PK\x05\x06')  # How such files begin; the second of them is empty.


def expanded(path: str | os.PathLike[str]) -> pathlib.Path:
  """The path with its user's home in the place of '~'; one of nobody that is known stays as it is, and is missed under its name."""
  return pathlib.Path(os.path.expanduser(path))


def write_folder(path: pathlib.Path, fill: Callable[[pathlib.Path], None]) -> None:
  """Makes folder `path` from what `fill` writes into an empty one; until then the old one stays.

  Raises:
    OSError: the disk is full or not writable; nothing half-written is left at `path`.
  """
  path.parent.mkdir(parents=True, exist_ok=True)
  put_back(path)
  remove(path.with_name(f'.{path.name}{_UNFINISHED}'))  # As versions before called it.
  forget_unfinished(path)
  unfinished = _unforeseen(path, _UNFINISHED)
  unfinished.mkdir()
  try:
    fill(unfinished)
    for file in unfinished.rglob('*'):
      if file.is_file() and not file.is_symlink():
        _flush(file)
    _exchange(path, unfinished)
  except BaseException:
    shutil.rmtree(unfinished, ignore_errors=True)
    raise


def is_unfinished(name: str) -> bool:
  """Whether something of this name is being written, replaced or removed."""
  return bool(_LEFT.fullmatch(name))


def put_back(path: pathlib.Path) -> None:
  """Gives a folder its name again where a process died while it replaced it, between the old one and the new one."""
  if os.path.lexists(path):  # It may be '.', which has no name.
    return
  replaced = _replaced(path)
  if replaced.is_dir() and not replaced.is_symlink():
    os.replace(replaced, path)
    _flush(path.parent)


def tidy(folder: pathlib.Path) -> None:
  """Puts back what a death left without its name in `folder`, and removes what was left half written or half removed there."""
  for rest in sorted(folder.glob('.*')):
    found = _LEFT.fullmatch(rest.name)
    if found and found['replaced']:
      put_back(rest.with_name(found['replaced']))
    if found and rest.is_dir() and not rest.is_symlink():
      shutil.rmtree(rest)
    elif found:
      rest.unlink(missing_ok=True)


def forget_unfinished(path: pathlib.Path) -> None:
  """Removes what deaths left of the file or folder that was being written to `path`, which nobody else may be writing."""
  for rest in path.parent.glob(f'.{glob.escape(path.name)}.????????{_UNFINISHED}*'):
    remove(rest)


def write_text(path: pathlib.Path, text: str) -> None:
  """Replaces the file at once; half characters, such as those of names that are no UTF-8, are written out: '\\udce9'."""
  write_bytes(path, text.encode('utf-8', 'backslashreplace'))


def write_bytes(path: pathlib.Path, content: bytes) -> None:
  """Replaces the file at once.

  Raises:
    OSError: it cannot be written; an older one stays, and nothing half-written is left.
  """
  write_file(path, lambda unfinished: unfinished.write_bytes(content))


def write_file(path: pathlib.Path, fill: Callable[[pathlib.Path], Any]) -> None:
  """Replaces the file at once by the one that `fill` writes, which has the same suffix.

  Raises:
    OSError: it cannot be written; an older one stays, and nothing half-written is left.
  """
  unfinished = _unforeseen(path, _UNFINISHED + path.suffix)
  try:
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    fill(unfinished)
    _flush(unfinished)
    os.replace(unfinished, path)
  except BaseException:
    unfinished.unlink(missing_ok=True)
    raise


def remove(path: pathlib.Path) -> None:
  """Removes a folder, or a file in its place, if it is there: under its name it is whole or gone. Of a link to one, the link goes."""
  if path.is_symlink() or path.is_file():
    path.unlink()
  elif path.exists():
    removed = _unforeseen(path, _REMOVED)
    os.replace(path, removed)
    shutil.rmtree(removed)


def write_arrays(path: pathlib.Path, arrays: Mapping[str, np.ndarray], with_digest: bool = False) -> None:
  """Writes arrays by name in the safetensors format.

  Args:
    path: where.
    arrays: by name.
    with_digest: whether the file says what `digest` its arrays have, so that `read_arrays` sees a change.

  Raises:
    OSError: the disk is full or not writable.
  """
  written = {name: np.ascontiguousarray(value).reshape(np.shape(value)) for name, value in arrays.items()}
  descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW, 0o666)
  try:
    mode = os.fstat(descriptor).st_mode
  finally:
    os.close(descriptor)
  try:
    safetensors.numpy.save_file(written, path, {_DIGEST: digest(arrays)} if with_digest else None)
    path.chmod(mode & 0o7777)  # The library keeps others from reading, whatever the umask says.
  except safetensors.SafetensorError as error:
    raise OSError(f'{path.name}: {error}') from error


def read_arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
  """What `write_arrays` has written.

  Raises:
    ValueError: the file is missing or damaged.
  """
  try:
    with safetensors.safe_open(path, 'numpy') as file:
      arrays, said = {name: file.get_tensor(name) for name in file.keys()}, (file.metadata() or {}).get(_DIGEST)
  except (OSError, safetensors.SafetensorError, AttributeError, KeyError, TypeError, ValueError) as error:
    raise ValueError(f'{path.name}: {error}') from error
  if said is not None and said != digest(arrays):
    raise ValueError(f'{path.name}: the arrays do not match their digest')
  return arrays


def read_npz(path: str | pathlib.Path) -> dict[str, np.ndarray]:
  """The arrays of an `.npz` file by name.

  Raises:
    ValueError: the file is missing, damaged, no `.npz` of plain arrays, or unpacks to far more than it is.
  """
  try:
    with open(path, 'rb') as file:
      if file.read(len(_NPZ[0])) not in _NPZ:  # Of anything else NumPy says how to load it unsafely.
        raise ValueError('no .npz file')
    check_unpacked(path)
    with np.load(path, allow_pickle=False) as archive:
      found = {name: archive[name] for name in archive.files}
  # Compressions that zipfile has not (NotImplementedError), passwords (RuntimeError), headers that are no Python (SyntaxError and others).
  except (OSError, EOFError, zipfile.BadZipFile, zlib.error, *_BAD_CONTENT) as error:
    raise ValueError(f'{str(error) or type(error).__name__}') from error
  odd = next((name for name, value in found.items() if not isinstance(value, np.ndarray)), None)
  if odd is not None:
    raise ValueError(f'{odd!r} is no array')
  return found


def check_unpacked(path: str | pathlib.Path) -> None:
  """Refuses a zip archive that unpacks to far more than it is, which trained weights do not.

  Raises:
    ValueError: so it is.
    OSError, zipfile.BadZipFile: it cannot be read.
  """
  with zipfile.ZipFile(path) as archive:
    unpacked = sum(entry.file_size for entry in archive.infolist())
  packed = os.path.getsize(path)
  if unpacked > max(_UNPACKED, _TIMES * packed):
    raise ValueError(f'it unpacks to {unpacked:,} bytes, of {packed:,}; at most {_TIMES} times as many are read')


def digest(arrays: Mapping[str, np.ndarray]) -> str:
  """A hash of names, types, shapes and values."""
  hasher = hashlib.sha256()
  for name in sorted(arrays):
    value = np.ascontiguousarray(arrays[name])
    hasher.update(f'{name} {value.dtype} {arrays[name].shape} '.encode())
    hasher.update(value.tobytes())
  return hasher.hexdigest()


_BAD_CONTENT = (ValueError, TypeError, KeyError, SyntaxError, OverflowError, MemoryError, RuntimeError)


def _unforeseen(path: pathlib.Path, suffix: str) -> pathlib.Path:
  """A name beside `path` for what is not finished."""
  return path.with_name(f'.{path.name}.{secrets.token_hex(4)}{suffix}')


def _replaced(path: pathlib.Path) -> pathlib.Path:
  return path.with_name(f'.{path.name}{_REPLACED}')


def _exchange(path: pathlib.Path, new: pathlib.Path) -> None:
  """Puts `new` in the place of `path`. The old one goes in one step too: half of it under its name would look like a damaged one."""
  replaced = _replaced(path)
  while True:
    if os.path.lexists(path):
      remove(replaced)
      os.replace(path, replaced)
    try:
      os.replace(new, path)
      break
    except OSError as error:  # A reader has put the old one back in between.
      if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
        put_back(path)
        raise
  _flush(path.parent)
  remove(replaced)


def _flush(path: pathlib.Path) -> None:
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)

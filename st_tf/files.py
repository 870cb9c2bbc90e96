"""Files that are either whole or not there, and arrays in them without pickles."""

from collections.abc import Callable, Mapping
import hashlib
import json
import os
import pathlib
import shutil
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

_UNFINISHED = '.unfinished'
_REPLACED = '.replaced'


def write_folder(path: pathlib.Path, fill: Callable[[pathlib.Path], None]) -> None:
  """Makes folder `path` from what `fill` writes into an empty one; until then the old one stays.

  Raises:
    OSError: the disk is full or not writable; nothing half-written is left at `path`.
  """
  unfinished = path.with_name(f'.{path.name}{_UNFINISHED}')
  remove(unfinished)
  unfinished.mkdir(parents=True)
  try:
    fill(unfinished)
    for file in unfinished.rglob('*'):
      if file.is_file():
        _flush(file)
    # The old folder goes in one step too: half of it under its name would look like a damaged one.
    replaced = path.with_name(f'.{path.name}{_REPLACED}')
    remove(replaced)
    if path.exists():
      os.replace(path, replaced)
    os.replace(unfinished, path)
    _flush(path.parent)
    remove(replaced)
  except OSError:
    shutil.rmtree(unfinished, ignore_errors=True)
    raise


def write_text(path: pathlib.Path, text: str) -> None:
  """Replaces the file at once."""
  write_bytes(path, text.encode())


def write_bytes(path: pathlib.Path, content: bytes) -> None:
  """Replaces the file at once.

  Raises:
    OSError: it cannot be written; an older one stays, and nothing half-written is left.
  """
  _replace(path, path.with_name(f'.{path.name}{_UNFINISHED}'), lambda unfinished: unfinished.write_bytes(content))


def write_file(path: pathlib.Path, fill: Callable[[pathlib.Path], Any]) -> None:
  """Replaces the file at once by the one that `fill` writes, which has the same suffix.

  Raises:
    OSError: it cannot be written; an older one stays, and nothing half-written is left.
  """
  _replace(path, path.with_name(f'.{path.stem}{_UNFINISHED}{path.suffix}'), fill)


def _replace(path: pathlib.Path, unfinished: pathlib.Path, fill: Callable[[pathlib.Path], Any]) -> None:
  try:
    fill(unfinished)
    _flush(unfinished)
    os.replace(unfinished, path)
  except OSError:
    unfinished.unlink(missing_ok=True)
    raise


def remove(path: pathlib.Path) -> None:
  """Removes a folder if it is there."""
  if path.exists():
    shutil.rmtree(path)


def write_arrays(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
  """Writes arrays by name in the safetensors format.

  Raises:
    OSError: the disk is full or not writable.
  """
  try:
    safetensors.numpy.save_file({name: np.ascontiguousarray(value).reshape(np.shape(value)) for name, value in arrays.items()}, path)
    path.chmod(0o644)  # The library keeps others from reading.
  except safetensors.SafetensorError as error:
    raise OSError(f'{path.name}: {error}') from error


def read_arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
  """What `write_arrays` has written.

  Raises:
    ValueError: the file is missing or damaged.
  """
  try:
    return safetensors.numpy.load_file(path)
  except (OSError, safetensors.SafetensorError) as error:
    raise ValueError(f'{path.name}: {error}') from error


def read_json(path: pathlib.Path) -> Any:
  """The JSON in a file.

  Raises:
    ValueError: the file is missing or damaged.
  """
  try:
    return json.loads(path.read_text(encoding='utf-8'))
  except (OSError, ValueError) as error:
    raise ValueError(f'{path.name}: {error}') from error


def digest(arrays: Mapping[str, np.ndarray]) -> str:
  """A hash of names, types, shapes and values."""
  hasher = hashlib.sha256()
  for name in sorted(arrays):
    value = np.ascontiguousarray(arrays[name])
    hasher.update(f'{name} {value.dtype} {arrays[name].shape} '.encode())
    hasher.update(value.tobytes())
  return hasher.hexdigest()


def _flush(path: pathlib.Path) -> None:
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)

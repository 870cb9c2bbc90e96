"""Files of Keras that would become far more in memory than they are, or lead to other files, refused before Keras opens them."""

from collections.abc import Iterator
import contextlib
import io
import json
import lzma
import pathlib
import struct
from typing import Any, BinaryIO
import zipfile
import zlib

import h5py

from st_tf import files
from st_tf.arch.specs import SpecError

_WEIGHTS, _CONFIG = 'model.weights.h5', 'config.json'
_LARGEST, _TIMES = 256 * 2**20, 100  # Bytes of an array that may be stored in a hundredth of them or less.
# What readers of damaged files raise, beside ValueError.
DAMAGED = (
  OSError, KeyError, TypeError, RuntimeError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error,
  json.JSONDecodeError, UnicodeDecodeError,
)  # fmt: skip
_COUNTS = ('units', 'filters')  # Settings of layers that have at least as many weights.


def check(file: pathlib.Path) -> None:
  """Refuses such a file; one that is damaged is left to Keras, which says it better.

  Args:
    file: a `.keras` or `.h5` file.

  Raises:
    SpecError: it unpacks to far more than it is, names layers with more units than it has weights, or leads elsewhere.
  """
  try:
    if zipfile.is_zipfile(file):
      files.check_unpacked(file)
    with _opened(file) as (weights, config):
      _check_counts(config, sum(_sizes(weights)))
  except RecursionError as error:
    raise SpecError(f'A file of Keras ends somewhere. Received: {file}, whose parts contain each other. Save it again.') from error
  except DAMAGED:
    return
  except ValueError as error:
    raise SpecError(f'A model of Keras takes about as much memory as its file. Received: {file} ({error}). Save it again.') from error


@contextlib.contextmanager
def _opened(file: pathlib.Path) -> Iterator[tuple[h5py.File, Any]]:
  """(its weights, what it says of its layers)."""
  if zipfile.is_zipfile(file):
    with zipfile.ZipFile(file) as archive:
      config, content = json.loads(archive.read(_CONFIG)), archive.read(_WEIGHTS)
    opened: pathlib.Path | BinaryIO = io.BytesIO(content)
  else:
    config, opened = None, file
  with h5py.File(opened, 'r') as weights:
    yield weights, json.loads(weights.attrs.get('model_config', '{}')) if config is None else config


def _sizes(group: h5py.Group) -> Iterator[int]:
  """How many numbers each array has.

  Raises:
    ValueError: one is stored elsewhere, or in far fewer bytes than it has.
  """
  for name in group:
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
      raise ValueError(f'{group.name}/{name} leads to another place')
    entry = group[name]
    if isinstance(entry, h5py.Group):
      yield from _sizes(entry)
    elif isinstance(entry, h5py.Dataset):
      if entry.is_virtual or entry.external:
        raise ValueError(f'{entry.name} is in another file')
      if entry.nbytes > max(_LARGEST, _TIMES * entry.id.get_storage_size()):
        raise ValueError(f'{entry.name} has {entry.nbytes:,} bytes, stored in {entry.id.get_storage_size():,}')
      yield int(entry.size)


def _check_counts(config: Any, weights: int) -> None:
  """Refuses layers with more units than there are weights in the whole file."""
  waiting = [config]
  while waiting:
    found = waiting.pop()
    if isinstance(found, dict):
      for name in _COUNTS:
        if type(found.get(name)) is int and found[name] > weights:
          raise ValueError(f'a layer of {found[name]:,} {name}, with {weights:,} weights in all')
    waiting += inside(found)


def inside(value: Any) -> list[Any]:
  """The lists and mappings in one of them, in their order; none in anything else."""
  entries = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
  return [entry for entry in entries if isinstance(entry, dict | list)]

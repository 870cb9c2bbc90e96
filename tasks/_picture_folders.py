"""Folders of pictures: what people have put there, and what of it is passed over, counted."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent import futures
import os
import pathlib
from typing import TypeVar

from st_tf.task import TaskError
from st_tf.task.pictures import CONVERT_HEIC, HEIC_SUFFIXES, SUFFIXES, is_rubbish, looked_at, shown, walk

_SHOWN_KINDS, _SHOWN_FOLDERS, _SHOWN_BAD = 6, 5, 5
_SMALL_SIDE = 8  # JPEGs are checked at reduced size.

Item, T = TypeVar('Item'), TypeVar('T')


class PassedOver:
  """What is in a folder and is not read, by folder and kind."""

  def __init__(self, root: pathlib.Path):
    """Starts with nothing; folders are shown as they lie in `root`."""
    self._root, self._counts = root, {}

  def add(self, folder: pathlib.Path, kind: str, count: int = 1) -> None:
    """Counts files of one kind, such as an ending, in a folder."""
    if count:
      self._counts.setdefault(folder, Counter())[kind] += count

  def add_loose(self, folder: pathlib.Path, kind: str = 'in no class folder') -> None:
    """Counts the files that lie beside the folders of classes or splits; `kind` is that of pictures."""
    for entry in entries(folder):
      if not is_folder(entry):
        self.add(folder, kind if _is_picture(entry) else _ending(entry.name))

  def of(self, folder: pathlib.Path) -> str:
    """What of a folder is passed over, in words, with a word on what could be done; '' where nothing is."""
    counts = self._counts.get(folder, Counter())
    return _listed(counts) + (f'. {CONVERT_HEIC.rstrip(".")}' if counts.keys() & set(HEIC_SUFFIXES) else '')

  def notes(self, source: str) -> tuple[str, ...]:
    """What is said of it all; nothing where nothing is passed over.

    Args:
      source: what messages call the data.
    """
    if not self._counts:
      return ()
    total = sum(self._counts.values(), Counter())
    largest = sorted(self._counts, key=lambda folder: (-self._counts[folder].total(), folder))
    parts = [f'{shown(os.path.relpath(folder, self._root))}: {_listed(self._counts[folder])}' for folder in largest[:_SHOWN_FOLDERS]]
    if len(largest) > _SHOWN_FOLDERS:
      parts.append(f'and {len(largest) - _SHOWN_FOLDERS:,} more folders')
    heic = (f'{source}: {CONVERT_HEIC}',) if total.keys() & set(HEIC_SUFFIXES) else ()
    return (f'{source}: passed over: {_listed(total)} ({"; ".join(parts)})', *heic)


def entries(folder: pathlib.Path) -> list[os.DirEntry]:
  """What is in a folder in a fixed order, without what systems leave there and what is hidden; raises as `everything`."""
  return [entry for entry in everything(folder) if not is_rubbish(entry.name)]


def everything(folder: pathlib.Path) -> list[os.DirEntry]:
  """What is in a folder in a fixed order.

  Raises:
    TaskError: it cannot be read.
  """
  try:
    with os.scandir(folder) as found:
      return sorted(found, key=lambda entry: entry.name)
  except OSError as error:
    raise TaskError(f'A folder of pictures can be read. Received: {shown(folder)} ({error.strerror}). Change its rights.') from error


def each(look: Callable[[Item], T], items: Sequence[Item], named: Callable[[Item], object] = str) -> list[T]:
  """What `look` says of each file, several at a time; all bad ones are found at once.

  Args:
    look: reads one.
    items: the files, or what names them.
    named: what messages call one.

  Raises:
    TaskError: that of the first bad file, with the names of some others.
  """
  with futures.ThreadPoolExecutor() as pool:  # Decoding releases Python's lock.
    found = list(pool.map(lambda item: _tried(look, item), items))
  bad = [(item, error) for item, error in zip(items, found) if isinstance(error, TaskError)]
  if bad:
    (_, first), *others = bad
    names = ', '.join(shown(named(item)) for item, _ in others[: _SHOWN_BAD - 1])
    more = f' and {len(others) - _SHOWN_BAD + 1:,} more' if len(others) >= _SHOWN_BAD else ''
    raise TaskError(f'{first} Bad too: {names}{more}.' if others else str(first)) from first
  return found


def decode(items: Sequence[pathlib.Path | bytes], names: Sequence[str] = ()) -> list[tuple[int, int]]:
  """Decodes every picture once; (height, width) of each as it is stored.

  Args:
    items: files or their contents.
    names: what messages call them; none = their paths.

  Raises:
    TaskError: some cannot be.
  """
  names = names or [str(item) for item in items]
  return each(lambda index: looked_at(items[index], names[index], _SMALL_SIDE), range(len(items)), names.__getitem__)


def is_folder(entry: os.DirEntry) -> bool:
  """Whether it is a folder, or a link to one."""
  try:
    return entry.is_dir()
  except OSError:  # A link that leads to itself.
    return False


def folders(folder: pathlib.Path) -> list[pathlib.Path]:
  """The folders in it, in a fixed order."""
  return [folder / entry.name for entry in entries(folder) if is_folder(entry)]


def pictures(folder: pathlib.Path, passed: PassedOver, suffixes: Sequence[str] = SUFFIXES) -> list[pathlib.Path]:
  """The pictures in a folder in a fixed order; what else is there is counted in `passed`, pictures in its folders too."""
  found = []
  for entry in entries(folder):
    if is_folder(entry):
      passed.add(folder, 'in subfolders', count_below(folder / entry.name))
    elif _is_picture(entry, suffixes):
      found.append(folder / entry.name)
    else:
      passed.add(folder, _ending(entry.name))
  return found


def count(folder: pathlib.Path) -> int:
  """How many pictures are in a folder, but for those in its folders."""
  return sum(map(_is_picture, entries(folder)))


def count_below(folder: pathlib.Path) -> int:
  """How many pictures are in a folder and the folders in it."""
  return sum(_ending(name) in SUFFIXES for _, names in walk(folder) for name in names)


def _tried(look: Callable[[Item], T], item: Item) -> T | TaskError:
  try:
    return look(item)
  except TaskError as error:
    return error


def _is_picture(entry: os.DirEntry, suffixes: Sequence[str] = SUFFIXES) -> bool:
  """By the ending of its name; a link that leads nowhere is one, so that it is missed."""
  if _ending(entry.name) not in suffixes:
    return False
  try:
    return entry.is_file() or (entry.is_symlink() and not os.path.exists(entry))
  except OSError:  # A link that leads to itself.
    return True


def _ending(name: str) -> str:
  return os.path.splitext(name)[1].lower() or 'without an ending'


def _listed(counts: Counter) -> str:
  """'11 .gif, 30 in subfolders', the most first."""
  ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
  parts = [f'{count:,} {shown(kind)}' for kind, count in ordered[:_SHOWN_KINDS]]
  rest = sum(count for _, count in ordered[_SHOWN_KINDS:])
  return ', '.join(parts + ([f'{rest:,} others'] if rest else []))

"""Pictures in folders of their classes: PATH/split/label/image or PATH/label/image."""

from collections.abc import Iterable, Sequence
import dataclasses
import pathlib
import unicodedata

from st_tf.errors import did_you_mean
from st_tf.task import TaskError
from st_tf.task.pictures import SUFFIXES, shown
from st_tf.task.task import check_labels
from tasks._picture_folders import PassedOver, count, count_below, folders, pictures
from tasks._splits import split_of

_SHOWN_LABELS = 20
_USUAL_NAMES = ('train', 'validation', 'val', 'test')
_ALSO_CLASSES = ('train', 'training', 'valid', 'dev')  # Names of splits that classes have too, in lower case: a train, what is not invalid.

Pairs = list[tuple[pathlib.Path, int]]


@dataclasses.dataclass(frozen=True)
class Found:
  """What is in a folder.

  Attributes:
    labels: names of the classes, in order.
    files: {split: [(image, index of its label)]}, in a fixed order.
    notes: what should be known of it, a line each.
  """

  labels: list[str]
  files: dict[str, Pairs]
  notes: tuple[str, ...]


def read(root: pathlib.Path, name: str, ignored: Sequence[str] = ()) -> Found:
  """What is in a folder; the pictures themselves are not opened.

  Args:
    root: holds splits called train, validation (or val) and test, or as others call them, or else the classes of one.
    name: of the task, for messages.
    ignored: splits of `root` that count for nothing.

  Raises:
    TaskError: one class only, an empty split or class, a label unknown to train, or one that cannot be shown everywhere.
  """
  passed, notes = PassedOver(root), []
  splits = _split_folders(root, name, notes)
  apart = _apart(root, name, notes) if splits['train'] == root else ()
  classes = {split: _classes(folder, apart) for split, folder in splits.items() if split not in ignored}
  check_labels(dict.fromkeys(label for found in classes.values() for label in found), name)
  for split, found in classes.items():
    if not found and splits[split] != root:
      loose = count(splits[split])
      there = f'{_number(loose)} without labels in' if loose else 'an empty split'
      raise TaskError(
        f'A split has at least one class folder. Received: {there} {shown(splits[split])}. Add class folders with images, or remove it.'
      )
  labels = sorted(classes['train'])
  train = splits['train']
  holds_pictures = any(count(folder) for class_folders in classes['train'].values() for folder in class_folders)
  if len(labels) < 2 or (not holds_pictures and _real(train) != train):
    rule = 'A classification task has at least two classes, one folder each.'
    unused = f', beside {", ".join(shown(folder.name) for folder in apart)}, called like a split' if apart else ''
    raise TaskError(f'{rule} Received: {labels} in {shown(train)}{unused}{_instead(train, root)}')
  numbers = {label: number for number, label in enumerate(labels)}
  files = {split: _files(splits[split], found, numbers, passed) for split, found in classes.items()}
  for folder in dict.fromkeys((root, *(splits[split] for split in classes))):
    passed.add_loose(folder)
  return Found(labels, files, (*notes, *passed.notes(name)))


def _split_folders(root: pathlib.Path, name: str, notes: list[str]) -> dict[str, pathlib.Path]:
  """{split: folder}; {'train': root} when the folders in `root` are classes."""
  found = {folder: split_of(folder.name) for folder in folders(root)}
  if not _are_splits(found):
    return {'train': root}
  splits: dict[str, pathlib.Path] = {}
  for folder, split in found.items():
    loose = 0 if split == 'train' or folders(folder) else count(folder)
    if loose:
      notes.append(f'{name}: {shown(folder.name)} has no labels, {_number(loose)} and no folders of classes, and is not used')
    elif split is None and not count_below(folder):
      continue
    elif split is None or split in splits:
      there = f', beside {shown(splits[split].name)}, which is the {split} split too' if split else ''
      raise TaskError(f'Beside train there are only validation (or val) and test. Received: {shown(folder)}{there}. Rename or remove it.')
    else:
      splits[split] = folder
      if folder.name not in _USUAL_NAMES:
        notes.append(f'{name}: {shown(folder.name)} is taken for the {split} split')
  if 'train' not in splits:
    there = ', '.join(shown(folder.name) for folder in found)
    raise TaskError(f'Where there are splits, there is train. Received: {there} in {shown(root)}. Add train, with a folder per class.')
  return splits


def _are_splits(found: dict[pathlib.Path, str | None]) -> bool:
  """Whether folders, each with the split that its name says, are splits: a class may be called 'train', and holds pictures then."""
  if not found or all(found.values()):
    return bool(found)
  others = any(split in ('validation', 'test') for split in found.values())
  return any(split == 'train' and _holds_classes(folder, others) for folder, split in found.items())


def _holds_classes(folder: pathlib.Path, beside_splits: bool) -> bool:
  """Whether it holds folders and no pictures, or several with pictures beside strays, which are few where there is no other split."""
  inner, loose = folders(folder), count(folder)
  below = [number for number in map(count, inner) if number]
  return bool(inner) and (not loose or len(below) > 1 and (beside_splits or sum(below) >= loose))


def _apart(root: pathlib.Path, name: str, notes: list[str]) -> list[pathlib.Path]:
  """The folders among classes that are none: those that are called like a split, and hold pictures of which nothing says the class."""
  apart = []
  for folder in folders(root):
    pictured = count(folder) if split_of(folder.name) else 0
    if pictured and folder.name.casefold() in _ALSO_CLASSES:
      notes.append(f'{name}: {shown(folder.name)} is taken for a class, since it holds pictures and stands beside classes')
    elif pictured:
      notes.append(
        f'{name}: {shown(folder.name)} is called like a split and holds {_number(pictured)} without labels: it is no class, and is not used'
        ' (rename it where it is one)'
      )
      apart.append(folder)
  return apart


def _classes(folder: pathlib.Path, apart: Sequence[pathlib.Path]) -> dict[str, list[pathlib.Path]]:
  """{label: its folders}, without those that are `apart`; names in different normal forms of Unicode are one label."""
  classes: dict[str, list[pathlib.Path]] = {}
  for class_folder in folders(folder):
    if class_folder not in apart:
      classes.setdefault(unicodedata.normalize('NFC', class_folder.name), []).append(class_folder)
  return classes


def _files(folder: pathlib.Path, classes: dict[str, list[pathlib.Path]], numbers: dict[str, int], passed: PassedOver) -> Pairs:
  """The images of one split with their classes, in a fixed order."""
  pairs = []
  for label, class_folders in sorted(classes.items()):
    where = shown(class_folders[0])
    if label not in numbers:
      hint = did_you_mean(label, numbers)
      if not numbers.keys() & classes.keys():
        hint += f' If the pictures in {shown(folder.name)} have no labels, remove it.'
      raise TaskError(f'Every label is one of train ({_some(numbers)}). Received: {where}. Rename or remove it.{hint}')
    paths = [path for class_folder in class_folders for path in pictures(class_folder, passed)]
    if not paths:
      there = ''.join(f', but {words}' for words in filter(None, map(passed.of, class_folders)))
      way_out = _way_out(class_folders[0]) if there else 'Add some or remove it.'
      raise TaskError(f'A class folder holds images ({", ".join(SUFFIXES)}). Received: none in {where}{there}. {way_out}')
    pairs += [(path, numbers[label]) for path in paths]
  return pairs


def _way_out(folder: pathlib.Path) -> str:
  """What to do about a class folder that holds no pictures."""
  if not count_below(folder):
    return 'Convert them to JPEG or PNG, or remove it.'
  split = split_of(folder.name)
  if split:
    return f'Where it is the {split} split, put the classes beside it into train; else move its pictures up, or remove it.'
  return 'Move its pictures up, or remove it; where it is a split, call it train, validation or test.'


def _number(of_pictures: int) -> str:
  return '1 picture' if of_pictures == 1 else f'{of_pictures:,} pictures'


def _some(labels: Iterable[str]) -> str:
  labels = list(labels)
  rest = len(labels) - _SHOWN_LABELS
  return ', '.join(labels[:_SHOWN_LABELS]) + (f' and {rest:,} more' if rest > 0 else '')


def _real(folder: pathlib.Path) -> pathlib.Path:
  """The folder that holds several with pictures, where each on the way to it holds nothing but one; else the folder itself."""
  inner, below = folder, [folder]
  while len(below) == 1:
    inner = below[0]
    below = [] if count(inner) else [each for each in folders(inner) if count_below(each)]
  return inner if below else folder


def _instead(folder: pathlib.Path, root: pathlib.Path) -> str:
  """What else is in a folder without two classes, and the way out."""
  real, loose = _real(folder), count(folder)
  if real != folder:
    return f', which holds {shown(real)}. {"Give that path" if folder == root else "Move what is in that up"}.'
  return f', and {_number(loose)} without labels. Sort them into {shown(folder)}/LABEL/.' if loose else '. Add a folder per class.'

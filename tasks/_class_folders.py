"""Pictures in folders of their classes: PATH/split/label/image or PATH/label/image."""

from collections.abc import Sequence
from concurrent import futures
import pathlib

from st_tf.task import TaskError
from st_tf.task.pictures import open_rgb

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')
_SPLIT_NAMES = {'train': 'train', 'validation': 'validation', 'val': 'validation', 'test': 'test'}
_SMALL_SIDE = 8  # JPEGs are checked at reduced size.

Pairs = list[tuple[pathlib.Path, int]]


def read(root: pathlib.Path, ignored: Sequence[str] = ()) -> tuple[list[str], dict[str, Pairs]]:
  """What is in a folder; the pictures themselves are not opened.

  Args:
    root: holds splits called train, validation (or val) and test, or else the classes of one.
    ignored: folders in `root` that count for nothing.

  Returns:
    Labels, in order, and {split: [(image, index of its label)]}, in a fixed order.

  Raises:
    TaskError: one class only, an empty split or class, or a label unknown to train.
  """
  folders = _split_folders(root, ignored)
  labels = [folder.name for folder in _folders(folders['train'])]
  if len(labels) < 2:
    raise TaskError(f'A classification task has at least two classes, one folder each. Received: {labels} in {folders["train"]}.')
  numbers = {label: number for number, label in enumerate(labels)}
  return labels, {split: _files(folder, numbers) for split, folder in folders.items()}


def check(paths: list[pathlib.Path]) -> None:
  """Decodes every file once.

  Raises:
    TaskError: one cannot be.
  """
  with futures.ThreadPoolExecutor() as pool:  # Decoding releases Python's lock.
    for _ in pool.map(lambda path: open_rgb(path, str(path), _SMALL_SIDE) and None, paths):
      pass


def _folders(folder: pathlib.Path) -> list[pathlib.Path]:
  return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith('.'))


def _split_folders(root: pathlib.Path, ignored: Sequence[str]) -> dict[str, pathlib.Path]:
  """{split: folder}; {'train': root} when the folders in `root` are classes."""
  folders = [folder for folder in _folders(root) if folder.name not in ignored]
  # A class may be called 'train': it then holds pictures, not folders.
  if not any(folder.name == 'train' and _folders(folder) for folder in folders):
    empty = [folder for folder in folders if folder.name == 'train' and not any(folder.iterdir())]
    if empty:
      raise TaskError(f'A split has at least one class folder. Received: an empty split {empty[0]}. Add class folders with images.')
    return {'train': root}
  splits = {}
  for folder in folders:
    split = _SPLIT_NAMES.get(folder.name)
    if split is None or split in splits:
      raise TaskError(f'Beside train there are only validation (or val) and test. Received: {folder}. Rename or remove it.')
    splits[split] = folder
  return splits


def _files(folder: pathlib.Path, numbers: dict[str, int]) -> Pairs:
  """The images of one split with their classes, in a fixed order."""
  classes = _folders(folder)
  if not classes:
    raise TaskError(f'A split has at least one class folder. Received: an empty split {folder}. Add class folders with images.')
  pairs = []
  for class_folder in classes:
    if class_folder.name not in numbers:
      raise TaskError(f'Every label is one of train ({", ".join(numbers)}). Received: {class_folder}. Rename or remove it.')
    paths = sorted(path for path in class_folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith('.'))
    if not paths:
      raise TaskError(f'A class folder holds images ({", ".join(SUFFIXES)}). Received: none in {class_folder}. Add some or remove it.')
    pairs += [(path, numbers[class_folder.name]) for path in paths]
  return pairs

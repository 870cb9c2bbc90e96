"""Any folder of pictures: `--task=folder:PATH` with PATH/split/label/image or PATH/label/image.

A file belongs to the class its folder is named after. Splits are called train, validation (or val) and test; what is
missing is drawn, as for every task: without a test folder the validation folder is the test.
"""

from concurrent import futures
import pathlib

import numpy as np

from st_tf.pictures import open_rgb
from st_tf.task import DataConfig, Task, TaskError
from tasks._classification import PHOTOGRAPHS, ClassificationTask, side
from tasks._images import EncodedImages
from tasks._splits import Examples

TAKES_ARGUMENT = True
SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')
_SPLIT_NAMES = {'train': 'train', 'validation': 'validation', 'val': 'validation', 'test': 'test'}
_DEFAULT_SIDE = 96
_KEEP = 0.875  # Share of the shorter side that evaluation keeps (the usual 224 of 256).
_SMALL_SIDE = 8  # JPEGs are checked at reduced size.


def load(argument: str, config: DataConfig) -> Task:
  """The pictures in the folder `argument`; a relative path counts from `config.data_dir` if that is given.

  Every file is decoded once, so that a bad one is found before training and not after hours of it.

  Raises:
    TaskError: no such folder, an unreadable image, one class only, an empty split or class, or a label unknown to train.
  """
  root = pathlib.Path(config.data_dir, argument).expanduser()
  if not root.is_dir():
    raise TaskError(f'--task=folder:PATH names a folder that exists. Received: {root}.')
  folders = _split_folders(root)
  labels = [folder.name for folder in _folders(folders['train'])]
  if len(labels) < 2:
    raise TaskError(f'A classification task has at least two classes, one folder each. Received: {labels} in {folders["train"]}.')
  files = {split: _files(folder, labels) for split, folder in folders.items()}
  _check([path for pairs in files.values() for path, _ in pairs])
  size = side(config, _DEFAULT_SIDE)
  splits = {}
  for split, pairs in files.items():
    paths = [path for path, _ in pairs]
    splits[split] = Examples(EncodedImages(paths, [str(path) for path in paths], size, _KEEP), np.asarray([label for _, label in pairs]))
  return ClassificationTask(
    f'folder:{argument}', labels, splits, config, size=size, default_supernet='mobile', statistics=PHOTOGRAPHS, keep=_KEEP
  )


def _folders(folder: pathlib.Path) -> list[pathlib.Path]:
  return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith('.'))


def _split_folders(root: pathlib.Path) -> dict[str, pathlib.Path]:
  """{split: folder}; {'train': root} when the folders in `root` are classes."""
  found = _folders(root)
  # A class may be called 'train': it then holds pictures, not folders.
  if not any(folder.name == 'train' and _folders(folder) for folder in found):
    empty = [folder for folder in found if folder.name == 'train' and not any(folder.iterdir())]
    if empty:
      raise TaskError(f'A split has at least one class folder. Received: an empty split {empty[0]}. Add class folders with images.')
    return {'train': root}
  splits = {}
  for folder in found:
    split = _SPLIT_NAMES.get(folder.name)
    if split is None or split in splits:
      raise TaskError(f'Beside train there are only validation (or val) and test. Received: {folder}. Rename or remove it.')
    splits[split] = folder
  return splits


def _files(folder: pathlib.Path, labels: list[str]) -> list[tuple[pathlib.Path, int]]:
  """The images of one split with their classes, in a fixed order."""
  classes = _folders(folder)
  if not classes:
    raise TaskError(f'A split has at least one class folder. Received: an empty split {folder}. Add class folders with images.')
  pairs = []
  for class_folder in classes:
    if class_folder.name not in labels:
      raise TaskError(f'Every label is one of train ({", ".join(labels)}). Received: {class_folder}. Rename or remove it.')
    paths = sorted(path for path in class_folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith('.'))
    if not paths:
      raise TaskError(f'A class folder holds images ({", ".join(SUFFIXES)}). Received: none in {class_folder}. Add some or remove it.')
    pairs += [(path, labels.index(class_folder.name)) for path in paths]
  return pairs


def _check(paths: list[pathlib.Path]) -> None:
  with futures.ThreadPoolExecutor() as pool:  # Decoding releases Python's lock.
    for _ in pool.map(lambda path: open_rgb(path, str(path), _SMALL_SIDE) and None, paths):
      pass

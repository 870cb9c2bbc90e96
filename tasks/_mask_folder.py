"""A folder of pictures and masks in ADE20K's layout, for all tasks that have one.

PATH/images/{training,validation[,test]}/NAME.jpg go with PATH/annotations/{training,validation[,test]}/NAME.png, in which 0 is
void (pixels that count for nothing) and 1, 2, ... are classes.
"""

from collections.abc import Iterator
from concurrent import futures
import pathlib

import numpy as np

from st_tf.task import DataConfig, Task, TaskError
from tasks._masks import IGNORED, Files, check, mask_numbers
from tasks._segmentation import SegmentationTask
from tasks._sizes import shape

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')
_SPLITS = {'training': 'train', 'train': 'train', 'validation': 'validation', 'val': 'validation', 'test': 'test'}
_WHOLE = 512  # Longest side in pixels of pictures that are read as a whole, where all have one size.
_WINDOW = (256, 256)
_MASK_SUFFIX = '.png'
_ADE_NAMES = 'objectInfo150.txt'
_NAMES = 'classes.txt'
_OUTSIDE = 'A mask has 0 (void) and the numbers of the {} classes, from 1.'


def load(root: pathlib.Path, name: str, config: DataConfig, classes: int = 0) -> Task:
  """The pictures and masks in a folder.

  Every mask is read once, so that a bad one is found before training. Pictures of one size up to 512 pixels are read as a whole,
  others in windows of 256x256; `--image_size` (and `--image_width`) set other windows.

  Args:
    root: the folder.
    name: of the task.
    config: how the data is prepared.
    classes: how many there must be; 0 = as many as have a name, or else as are found.

  Raises:
    TaskError: no such folder, a picture without a mask or the other way round, sizes that differ, a number that is no class, void alone.
  """
  if not root.is_dir():
    raise TaskError(f'--task={name} reads a folder that exists. Received: {root}, which is {root.absolute()}. Correct the path.')
  folders = _split_folders(root)
  pairs = {split: _pairs(root, folder) for split, folder in folders.items()}
  every = [pair for split_pairs in pairs.values() for pair in split_pairs]
  labels = _labels(root, config, [mask for _, mask in every], classes)
  numbers = np.arange(-1, len(labels), dtype=np.int32)
  numbers[0] = IGNORED
  splits = {split: Files(split_pairs, numbers, _OUTSIDE.format(len(labels))) for split, split_pairs in pairs.items()}
  pixels = check(splits.values())
  notes = tuple(_notes(name, labels, sum(pixels)))
  return SegmentationTask(name, labels, splits, config, shape=shape(config, _default_shape(splits)), notes=notes)


def _notes(name: str, labels: list[str], pixels: np.ndarray) -> Iterator[str]:
  """What looks as if void and the classes were numbered in another way."""
  absent = [f'{number} {label!r}' for number, label in enumerate(labels, 1) if not pixels[number]]
  if absent:
    several = f' and {len(absent) - 1} more classes' if len(absent) > 1 else ''
    yield f'{name}: no mask has {absent[0]}{several}. Classes count from 1; 0 is void, and 255 is a class like others.'
  if pixels[0] > pixels.sum() / 2:
    yield f'{name}: {pixels[0] / pixels.sum():.0%} of the pixels are void, number 0, from which nothing is learned.'


def _default_shape(splits: dict[str, Files]) -> tuple[int, int]:
  sizes = {files.size(index) for files in splits.values() for index in range(len(files))}
  return next(iter(sizes)) if len(sizes) == 1 and max(next(iter(sizes))) <= _WHOLE else _WINDOW


def _split_folders(root: pathlib.Path) -> dict[str, str]:
  """{split: name of its folders}."""
  images, masks = sides = root / 'images', root / 'annotations'
  if not images.is_dir() or not masks.is_dir():
    raise TaskError(f'The folder holds images/ and annotations/, each with training/ and validation/. Received: {root} without them.')
  folders = {}
  for folder in sorted({entry.name for side in sides for entry in side.iterdir() if entry.is_dir() and not entry.name.startswith('.')}):
    there, other = (images, masks) if (images / folder).is_dir() else (masks, images)
    split = _SPLITS.get(folder)
    if split is None or split in folders:
      raise TaskError(f'The splits are training, validation and test. Received: {there / folder}. Rename or remove it.')
    if not (other / folder).is_dir():
      raise TaskError(
        f'A split is a folder in images/ and one in annotations/. Received: {there / folder} without {other / folder}. Add or remove it.'
      )
    folders[split] = folder
  if 'train' not in folders:
    raise TaskError(f'There is a training split. Received: {images} without training/. Add it.')
  return folders


def _pairs(root: pathlib.Path, folder: str) -> list[tuple[pathlib.Path, pathlib.Path]]:
  """The pictures of a split, each with its mask, in a fixed order."""
  images, masks = root / 'images' / folder, root / 'annotations' / folder
  pictures: dict[str, pathlib.Path] = {}
  for path in sorted(images.iterdir()):
    if path.suffix.lower() in SUFFIXES and not path.name.startswith('.') and pictures.setdefault(path.stem, path) != path:
      raise TaskError(f'No two images of a split have one name. Received: {pictures[path.stem]} and {path}. Rename or remove one.')
  if not pictures:
    raise TaskError(f'A split has at least one example. Received: no images ({", ".join(SUFFIXES)}) in {images}. Add some or remove it.')
  mask_files = {path.stem: path for path in masks.glob(f'*{_MASK_SUFFIX}') if not path.name.startswith('.')}
  for stem in sorted(pictures.keys() ^ mask_files.keys()):
    missing, there = (masks / f'{stem}{_MASK_SUFFIX}', pictures[stem]) if stem in pictures else (images / stem, mask_files[stem])
    raise TaskError(f'Every image has a mask of the same name, and every mask an image. Received: {there} without {missing}. Add it.')
  return [(path, mask_files[stem]) for stem, path in pictures.items()]


def _labels(root: pathlib.Path, config: DataConfig, masks: list[pathlib.Path], classes: int) -> list[str]:
  """Names of the classes 1, 2, ...."""
  labels, source = _named(root, config)
  if not labels:
    with futures.ThreadPoolExecutor() as pool:
      highest = classes or max(pool.map(lambda path: int(mask_numbers(path).max(initial=0)), masks))
    labels, source = [f'class {number}' for number in range(1, highest + 1)], str(root / 'annotations')
  if '' in labels:
    raise TaskError(f'A class has a name that is not empty. Received: none for number {labels.index("") + 1} in {source}. Name it.')
  repeated = sorted({label for label in labels if labels.count(label) > 1})
  if repeated or classes not in (0, len(labels)):
    wanted = f'{classes} classes have' if classes else 'Classes have'
    raise TaskError(f'{wanted} a name each, no two alike. Received: {len(labels)} names, {repeated[:3]} repeated, in {source}. Correct it.')
  return labels


def _named(root: pathlib.Path, config: DataConfig) -> tuple[list[str], str]:
  """(names, where they come from); no names where nothing gives any."""
  given = pathlib.Path(config.class_names).expanduser()
  if config.class_names and ',' in config.class_names:
    return [name.strip() for name in config.class_names.split(',')], '--class_names'
  if config.class_names:
    return _lines(given), str(given)
  if (root / _ADE_NAMES).is_file():
    # Columns: number, ratio, train, val, synonyms; the first synonym is the name.
    rows = [line.split('\t')[-1].split(',')[0].strip() for line in _lines(root / _ADE_NAMES)]
    return rows[1:], str(root / _ADE_NAMES)
  return (_lines(root / _NAMES), str(root / _NAMES)) if (root / _NAMES).is_file() else ([], '')


def _lines(path: pathlib.Path) -> list[str]:
  try:
    text = path.read_text(encoding='utf-8')
  except (OSError, UnicodeDecodeError) as error:
    raise TaskError(f'Names of classes are a text file, one per line. Received: {path} ({error}). Correct --class_names.') from error
  return [line.strip() for line in text.rstrip().splitlines()]

"""Cityscapes: `--task=cityscapes --data_dir=FOLDER`, a folder with leftImg8bit/ and gtFine/ as they come.

Of the 34 numbers in gtFine's labelIds the 19 that the benchmark scores are classes; the others count for nothing. The truth of
the official test split is not public: the validation split is the test, and a tenth of training the validation.
"""

import pathlib

import numpy as np

from st_tf.files import expanded
from st_tf.task import DataConfig, Task, TaskError, refuse
from tasks import _mask_files
from tasks._masks import IGNORED
from tasks._segmentation import SegmentationTask
from tasks._sizes import shape

# (number in labelIds, name) in the order of the benchmark's train ids: cityscapesScripts, helpers/labels.py.
CLASSES = (
  (7, 'road'),
  (8, 'sidewalk'),
  (11, 'building'),
  (12, 'wall'),
  (13, 'fence'),
  (17, 'pole'),
  (19, 'traffic light'),
  (20, 'traffic sign'),
  (21, 'vegetation'),
  (22, 'terrain'),
  (23, 'sky'),
  (24, 'person'),
  (25, 'rider'),
  (26, 'car'),
  (27, 'truck'),
  (28, 'bus'),
  (31, 'train'),
  (32, 'motorcycle'),
  (33, 'bicycle'),
)
NUMBERS = 34
READS_DATA_DIR = True
_SPLITS = {'train': 'train', 'validation': 'val'}
_IMAGE, _MASK = '_leftImg8bit.png', '_gtFine_labelIds.png'
_WINDOW = (512, 1024)


def load(argument: str, config: DataConfig) -> Task:
  """The pictures in `config.data_dir`, read in windows of 512x1024 unless told otherwise; `argument` is empty.

  Raises:
    TaskError: no folder was given, or its data is bad.
  """
  del argument
  refuse(config, ('class_names', 'void'), 'cityscapes')
  root = expanded(config.data_dir)
  if not config.data_dir or not all((root / name).is_dir() for name in ('leftImg8bit', 'gtFine')):
    raise TaskError(
      f'--task=cityscapes reads a folder with leftImg8bit/ and gtFine/. Received: --data_dir={config.data_dir} without them.'
      ' Unpack both there.'
    )
  outside = f'A mask of Cityscapes has labelIds, 0 to {NUMBERS - 1}.'
  survey = _mask_files.survey({split: _pairs(root, folder) for split, folder in _SPLITS.items()})
  splits = survey.files(mapping(), outside)
  return SegmentationTask('cityscapes', [name for _, name in CLASSES], splits, config, shape=shape(config, _WINDOW))


def mapping() -> np.ndarray:
  """[34] int32: class or `IGNORED` of each number in labelIds."""
  classes = np.full(NUMBERS, IGNORED, np.int32)
  classes[[number for number, _ in CLASSES]] = np.arange(len(CLASSES))
  return classes


def _pairs(root: pathlib.Path, folder: str) -> list[tuple[pathlib.Path, pathlib.Path]]:
  """The pictures of a split, each with its mask, in a fixed order."""
  images, labels = root / 'leftImg8bit' / folder, root / 'gtFine' / folder
  pictures, masks = _named(images, _IMAGE), _named(labels, _MASK)
  if not pictures:
    raise TaskError(f'A split has at least one example. Received: no CITY/*{_IMAGE} in {images}. Unpack it there.')
  for name in sorted(pictures.keys() ^ masks.keys()):
    if name in pictures:
      raise TaskError(f'Every image has a mask. Received: {pictures[name]} without {labels / name}{_MASK}. Unpack gtFine there.')
    raise TaskError(f'Every mask has an image. Received: {masks[name]} without {images / name}{_IMAGE}. Unpack leftImg8bit there.')
  return [(path, masks[name]) for name, path in pictures.items()]


def _named(folder: pathlib.Path, ending: str) -> dict[str, pathlib.Path]:
  """{CITY/NAME: the file CITY/NAME + ending of the folder}, in a fixed order."""
  return {f'{path.parent.name}/{path.name.removesuffix(ending)}': path for path in sorted(folder.glob(f'*/*{ending}'))}

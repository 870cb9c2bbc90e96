"""Procedural pictures of ten shapes with a mask each: nothing to download, for demos and tests."""

import numpy as np

from st_tf.task import DataConfig, Task, TaskError, refuse
from tasks import _drawing
from tasks._masks import Arrays
from tasks._segmentation import SegmentationTask

SIZES = {'train': 2000, 'validation': 250, 'test': 500}
LABELS = ('background', *_drawing.KINDS)
_SIDES, _DEFAULT_SIDE = (32, 224), 64


def load(argument: str, config: DataConfig) -> Task:
  """Draws all pictures; the same `data_seed` and `image_size` give the same ones. `argument` is empty.

  Raises:
    TaskError: an image size that shapes are not drawn at.
  """
  del argument
  refuse(config, ('class_names', 'void', 'image_width', 'window_overlap'), 'shapes_segmentation')
  size = config.image_size or _DEFAULT_SIDE
  if not _SIDES[0] <= size <= _SIDES[1]:
    raise TaskError(f'Shapes are drawn at {_SIDES[0]} to {_SIDES[1]} pixels. Received: --image_size={size}.')
  splits = {split: _draw(stream, count, size, config.data_seed) for stream, (split, count) in enumerate(SIZES.items())}
  return SegmentationTask('shapes_segmentation', LABELS, splits, config, shape=(size, size), default_supernet='tiny_dense')


def _draw(stream: int, count: int, size: int, seed: int) -> Arrays:
  kinds = np.arange(count) % len(_drawing.KINDS)
  images, masks = np.empty((count, size, size, 3), np.uint8), np.empty((count, size, size), np.int32)
  for index, kind in enumerate(kinds):
    drawing = _drawing.draw(_drawing.KINDS[kind], size, np.random.default_rng((seed, stream, index)))
    images[index], masks[index] = drawing.image, np.where(drawing.mask, kind + 1, 0)
  return Arrays(images, masks)

"""Procedural pictures of ten shapes: nothing to download, seconds to make, for demos and tests."""

import numpy as np

from st_tf.task import DataConfig, Task, TaskError
from tasks import _drawing
from tasks._classification import ClassificationTask
from tasks._images import ArrayImages
from tasks._sizes import side
from tasks._splits import Examples

SIZES = {'train': 6000, 'validation': 500, 'test': 1000}
_SIDES = (32, 224)


def load(argument: str, config: DataConfig) -> Task:
  """Draws all pictures; the same `data_seed` and `image_size` give the same ones. `argument` is empty.

  Raises:
    TaskError: an image size that shapes are not drawn at.
  """
  del argument
  size = side(config, _SIDES[0])
  if not _SIDES[0] <= size <= _SIDES[1]:
    raise TaskError(f'Shapes are drawn at {_SIDES[0]} to {_SIDES[1]} pixels. Received: --image_size={size}.')
  splits = {split: _draw(stream, count, size, config.data_seed) for stream, (split, count) in enumerate(SIZES.items())}
  return ClassificationTask('shapes', _drawing.KINDS, splits, config, size=size, default_supernet='tiny')


def _draw(stream: int, count: int, size: int, seed: int) -> Examples:
  labels = np.arange(count) % len(_drawing.KINDS)
  pixels = np.empty((count, size, size, 3), np.uint8)  # One by one into it: at 224 pixels they are 0.9 GB.
  for index, label in enumerate(labels):
    pixels[index] = _drawing.draw(_drawing.KINDS[label], size, np.random.default_rng((seed, stream, index))).image
  return Examples(ArrayImages(pixels, f'shapes/{list(SIZES)[stream]}'), labels)

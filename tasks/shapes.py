"""Procedural pictures of ten shapes: nothing to download, seconds to make, for demos and tests."""

import math

import numpy as np

from st_tf.task import DataConfig, Task, TaskError
from tasks import _drawing, _statistics
from tasks._classification import ClassificationTask
from tasks._images import ArrayImages
from tasks._sizes import side
from tasks._splits import Examples

SIZES = {'train': 6000, 'validation': 500, 'test': 1000}
_SIDES = (32, 224)
_IN_MEMORY = 256 * 2**20  # Bytes of a split's pictures; drawing a larger one again takes a processor less than its step.
_SAMPLED = 11  # One picture in so many, of all kinds in turn, is measured where they are drawn when asked for.


def load(argument: str, config: DataConfig) -> Task:
  """Draws all pictures, large ones when they are asked for; the same `data_seed` and `image_size` give the same ones. `argument` is empty.

  Raises:
    TaskError: an image size that shapes are not drawn at.
  """
  del argument
  size = side(config, _SIDES[0])
  if not _SIDES[0] <= size <= _SIDES[1]:
    raise TaskError(f'Shapes are drawn at {_SIDES[0]} to {_SIDES[1]} pixels. Received: --image_size={size}.')
  splits = {split: _draw(stream, count, size, config.data_seed) for stream, (split, count) in enumerate(SIZES.items())}
  pixels = splits['train'].images.pixels
  statistics = _statistics.measured(pixels[::_SAMPLED]) if isinstance(pixels, Drawn) else None
  return ClassificationTask('shapes', _drawing.KINDS, splits, config, size=size, default_supernet='tiny', statistics=statistics)


class Drawn:
  """Pictures [n, size, size, 3] uint8 that look like an array, and are drawn when they are asked for.

  Args:
    stream: of the split.
    indices: [n] of the pictures in it.
    size: side of a picture in pixels.
    seed: decides all of them.

  Attributes:
    shape: of the array.
    ndim: likewise.
    dtype: likewise.
  """

  dtype, ndim = np.dtype(np.uint8), 4

  def __init__(self, stream: int, indices: np.ndarray, size: int, seed: int):
    self._stream, self._indices, self._size, self._seed = stream, indices, size, seed
    self.shape = (len(indices), size, size, 3)

  def __len__(self) -> int:
    return len(self._indices)

  def __getitem__(self, chosen: int | slice | np.ndarray) -> 'np.ndarray | Drawn':
    """One picture; of several, what draws them."""
    indices = self._indices[chosen]
    return Drawn(self._stream, indices, self._size, self._seed) if indices.ndim else self._picture(int(indices))

  def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
    """All of them."""
    pixels = np.empty(self.shape, np.uint8)
    for place, index in zip(pixels, self._indices):
      place[...] = self._picture(int(index))
    return pixels if dtype is None else pixels.astype(dtype)

  def _picture(self, index: int) -> np.ndarray:
    kind = _drawing.KINDS[index % len(_drawing.KINDS)]
    return _drawing.draw(kind, self._size, np.random.default_rng((self._seed, self._stream, index))).image


def _draw(stream: int, count: int, size: int, seed: int) -> Examples:
  indices = np.arange(count)
  pictures = Drawn(stream, indices, size, seed)
  few = math.prod(pictures.shape) <= _IN_MEMORY
  return Examples(ArrayImages(np.asarray(pictures) if few else pictures, f'shapes/{list(SIZES)[stream]}'), indices % len(_drawing.KINDS))

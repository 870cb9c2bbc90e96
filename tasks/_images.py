"""Where pictures come from: an array in memory, or encoded files that are decoded when their batch is due.

Both give batches of the same kind; the tasks do not see the difference.
"""

import abc
from collections.abc import Sequence
import copy
import math
import pathlib

import numpy as np
from PIL import Image
import tensorflow as tf

from st_tf.task import TaskError
from st_tf.task.pictures import center_crop, open_rgb
from tasks import _augment, _reading


class Images(abc.ABC):
  """Pictures of one split, in a fixed order.

  Attributes:
    names: what messages call them; none where they are known by their numbers alone.
  """

  names: Sequence[str] = ()

  @abc.abstractmethod
  def __len__(self) -> int:
    """How many there are."""

  @abc.abstractmethod
  def take(self, indices: np.ndarray) -> 'Images':
    """Only those at `indices`, in that order."""

  @abc.abstractmethod
  def batches(self, order: np.ndarray, batch_size: int, draws: np.ndarray | None) -> tf.data.Dataset:
    """Batches of (indices [batch] int64, pictures [batch, size, size, 3] uint8).

    Args:
      order: indices of the pictures, in the order in which they are wanted.
      batch_size: pictures per batch; only when training is the last one dropped if incomplete.
      draws: when training, [n, `_augment.GEOMETRY_DRAWS`] uniform numbers, one row per picture, that place crop and flip.
    """


class ArrayImages(Images):
  """Pictures of one size, decoded, in memory."""

  def __init__(self, pixels: np.ndarray, source: str):
    """Keeps a reference to `pixels`, [n, size, size, 3] uint8; `source` is what messages call them.

    Raises:
      TaskError: not such an array.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1] != pixels.shape[2] or pixels.shape[3] != 3:
      raise TaskError(f'Images are uint8 [n, size, size, 3]. Received: {pixels.dtype} {list(pixels.shape)} in {source}.')
    self.pixels, self._source = pixels, source

  def __len__(self) -> int:
    return len(self.pixels)

  def take(self, indices: np.ndarray) -> 'ArrayImages':
    return ArrayImages(self.pixels[indices], self._source)

  def batches(self, order: np.ndarray, batch_size: int, draws: np.ndarray | None) -> tf.data.Dataset:
    size = self.pixels.shape[1]
    geometry = None if draws is None else tf.constant(draws)

    def read(indices: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
      found = np.empty((len(indices), size, size, 3), np.uint8)
      for index, own_rows, own_columns, place in zip(indices, rows, columns, found):
        np.take(self.pixels[index].take(own_rows, 0), own_columns, 1, out=place)
      return found

    def gather(indices: tf.Tensor):
      rows = columns = tf.broadcast_to(tf.range(size, dtype=tf.int64), [tf.shape(indices)[0], size])
      if geometry is not None:
        rows, columns = _augment.crop_and_flip(tf.gather(geometry, indices), size)
      # By NumPy, since as a tensor all pictures would be in memory twice more.
      pixels = tf.numpy_function(read, (indices, rows, columns), tf.uint8, stateful=False)
      return indices, tf.ensure_shape(pixels, (indices.shape[0], size, size, 3))

    dataset = tf.data.Dataset.from_tensor_slices(order.astype(np.int64)).batch(batch_size, drop_remainder=draws is not None)
    return dataset.map(gather, num_parallel_calls=_reading.PARALLEL)


class EncodedImages(Images):
  """Pictures of any size, kept as files or as the contents of files, decoded batch by batch."""

  def __init__(
    self,
    items: Sequence[pathlib.Path | bytes],
    names: Sequence[str],
    size: int,
    keep: float = 1.0,
    smallest_area: float = _augment.SMALLEST_AREA,
  ):
    """Does not look into the files.

    Args:
      items: files or their contents.
      names: what messages call them.
      size: side of the squares that come out, in pixels.
      keep: share of the shorter side that evaluation keeps; all of it suits the crops below, and less those of smaller areas.
      smallest_area: share of a picture that the smallest random crop shows.
    """
    self._items, self.names, self._size, self._keep, self._smallest_area = list(items), list(names), size, keep, smallest_area

  def __len__(self) -> int:
    return len(self._items)

  def take(self, indices: np.ndarray) -> 'EncodedImages':
    items, names = [self._items[i] for i in indices], [self.names[i] for i in indices]
    return EncodedImages(items, names, self._size, self._keep, self._smallest_area)

  def resized(self, size: int) -> 'EncodedImages':
    """The same files as squares of another side."""
    copied = copy.copy(self)
    copied._size = size
    return copied

  def batches(self, order: np.ndarray, batch_size: int, draws: np.ndarray | None) -> tf.data.Dataset:
    def read(index: np.ndarray) -> np.ndarray:
      pixels = self._read(int(index), None if draws is None else draws[index])
      return np.ascontiguousarray(pixels)

    def decode(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
      # Not stateful: reading a file twice gives the same, and stateful maps run one by one when operations are deterministic.
      pixels = tf.numpy_function(read, [index], tf.uint8, stateful=False)
      return index, tf.ensure_shape(pixels, [self._size, self._size, 3])

    dataset = tf.data.Dataset.from_tensor_slices(order.astype(np.int64)).map(decode, num_parallel_calls=_reading.PARALLEL)
    return dataset.batch(batch_size, drop_remainder=draws is not None)

  def _read(self, index: int, draw: np.ndarray | None) -> np.ndarray:
    # At this size or above not even the smallest crop has to be enlarged.
    reduced = math.ceil(self._size * max(2, self._smallest_area**-0.5))
    picture = open_rgb(*self._item(index), 0 if draw is None else reduced)
    if draw is None:
      return center_crop(picture, (self._size, self._size), self._keep)
    box, flip = _augment.random_box(draw, *picture.size, self._smallest_area)
    pixels = np.asarray(picture.resize((self._size, self._size), Image.Resampling.BILINEAR, box))
    return pixels[:, ::-1] if flip else pixels

  def _item(self, index: int) -> tuple[pathlib.Path | bytes, str]:
    """(file or its contents, what messages call it)."""
    return self._items[index], str(self.names[index])

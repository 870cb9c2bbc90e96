"""Pictures with a mask each: where they come from, and how both are scaled, cropped, flipped and recoloured alike."""

import abc
from collections.abc import Callable, Iterator
import dataclasses
import math

import numpy as np
from PIL import Image, ImageEnhance
import tensorflow as tf

from tasks import _reading

IGNORED = -1  # In a mask: a pixel that counts for nothing.
DRAWS = 8  # Scale, row, column, flip, brightness, contrast, saturation, hue.
_SCALES = (0.5, 2.0)
_BRIGHTNESS, _CONTRAST, _SATURATION = 0.125, 0.5, 0.5  # Largest relative changes.
_HUE = 18 / 360  # Largest turn, as a share of the circle.

Shape = tuple[int, int]


class MaskedImages(abc.ABC):
  """Pictures of one split with their masks, in a fixed order."""

  @abc.abstractmethod
  def __len__(self) -> int:
    """How many there are."""

  @abc.abstractmethod
  def read(self, index: int) -> tuple[Image.Image, np.ndarray]:
    """(picture, mask [height, width] int32 with classes or `IGNORED`), of one size."""

  @abc.abstractmethod
  def size(self, index: int) -> Shape:
    """(height, width) of a picture, in pixels."""

  @abc.abstractmethod
  def shown(self, classes: int) -> np.ndarray:
    """[n, classes] bool: which classes the mask of each picture shows."""

  @abc.abstractmethod
  def take(self, indices: np.ndarray) -> 'MaskedImages':
    """Only those at `indices`, in that order."""


@dataclasses.dataclass(frozen=True)
class Arrays(MaskedImages):
  """Pictures and masks in memory.

  Attributes:
    pixels: [n, height, width, 3] uint8, or [n] objects, such arrays of different sizes.
    masks: [n, height, width] int32, or likewise.
  """

  pixels: np.ndarray
  masks: np.ndarray

  def __len__(self) -> int:
    return len(self.pixels)

  def read(self, index: int) -> tuple[Image.Image, np.ndarray]:
    return Image.fromarray(self.pixels[index]), self.masks[index]

  def size(self, index: int) -> Shape:
    return self.masks[index].shape

  def shown(self, classes: int) -> np.ndarray:
    return np.stack([np.bincount(mask.ravel() - IGNORED, minlength=classes + 1)[1:] > 0 for mask in self.masks])

  def take(self, indices: np.ndarray) -> 'Arrays':
    return Arrays(self.pixels[indices], self.masks[indices])


def training_batches(images: MaskedImages, order: np.ndarray, batch_size: int, draws: np.ndarray, shape: Shape) -> tf.data.Dataset:
  """Batches of (pictures [batch, height, width, 3] uint8, masks [batch, height, width] int32), augmented.

  Args:
    images: where they come from.
    order: indices, in the order in which they are wanted.
    batch_size: examples per batch; an incomplete one is dropped.
    draws: [n, DRAWS] in [0, 1), one row per example.
    shape: (height, width) of what comes out.
  """

  def read(index: int) -> tuple[np.ndarray, np.ndarray]:
    return augmented(*images.read(index), draws[index], shape)

  return _batches(read, order, shape).batch(batch_size, drop_remainder=True)


def scoring_batches(images: MaskedImages, batch_size: int, shape: Shape, overlap: float = 0.0, start_batch: int = 0) -> tf.data.Dataset:
  """Batches as of `training_batches` that show every picture once, at its own scale, in windows of `shape`.

  Where windows overlap, each pixel counts in the one in whose middle it lies most: in the others it is `IGNORED`.
  """
  places = np.asarray(list(windows(images, shape, overlap)), np.int64)

  def read(place: int) -> tuple[np.ndarray, np.ndarray]:
    index, top, left = places[place]
    return window(*images.read(int(index)), (int(top), int(left)), shape, overlap)

  return _batches(read, np.arange(start_batch * batch_size, len(places)), shape).batch(batch_size)


def windows(images: MaskedImages, shape: Shape, overlap: float = 0.0) -> Iterator[tuple[int, int, int]]:
  """(index of the picture, top, left) of every window of `shape` in which the pictures are scored."""
  for index in range(len(images)):
    yield from ((index, *corner) for corner in corners(images.size(index), shape, overlap))


def augmented(picture: Image.Image, mask: np.ndarray, draw: np.ndarray, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
  """A random part of picture and mask at a random scale, flipped or not, in changed colours.

  Args:
    picture: RGB.
    mask: [height, width] int32.
    draw: [DRAWS] in [0, 1).
    shape: (height, width) of the part; beyond the picture it is grey and `IGNORED`.
  """
  scale = _SCALES[0] + (_SCALES[1] - _SCALES[0]) * float(draw[0])
  scaled = [max(round(scale * side), 1) for side in (picture.height, picture.width)]
  inside = [min(side, wanted) for side, wanted in zip(scaled, shape)]
  # The part in pixels of the picture: whole pixels of the scaled one.
  start = [int(share * (side - within + 1)) for share, side, within in zip(draw[1:3], scaled, inside)]
  factors = [side / after for side, after in zip((picture.height, picture.width), scaled)]
  top, left = (begin * factor for begin, factor in zip(start, factors))
  bottom = min((start[0] + inside[0]) * factors[0], picture.height)
  right = min((start[1] + inside[1]) * factors[1], picture.width)
  box, size = (left, top, right, bottom), (inside[1], inside[0])
  part = recoloured(picture.resize(size, Image.Resampling.BILINEAR, box), draw[4:])
  labels = np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST, box))
  pixels, labels = _padded(np.asarray(part), labels, shape)
  return (pixels[:, ::-1], labels[:, ::-1]) if draw[3] < 0.5 else (pixels, labels)


def recoloured(picture: Image.Image, draw: np.ndarray) -> Image.Image:
  """The picture in other brightness, contrast, saturation and hue, each changed half of the time; `draw` is [4] in [0, 1)."""
  enhancers = ((ImageEnhance.Brightness, _BRIGHTNESS), (ImageEnhance.Contrast, _CONTRAST), (ImageEnhance.Color, _SATURATION))
  for (enhancer, most), share in zip(enhancers, draw):
    if share < 0.5:
      picture = enhancer(picture).enhance(1 + most * (4 * float(share) - 1))
  if draw[3] < 0.5:
    hue, *others = picture.convert('HSV').split()
    turn = round(255 * _HUE * (4 * float(draw[3]) - 1))
    picture = Image.merge('HSV', (hue.point([(value + turn) % 256 for value in range(256)]), *others)).convert('RGB')
  return picture


def corners(size: Shape, shape: Shape, overlap: float = 0.0) -> list[tuple[int, int]]:
  """(top, left) of as few windows of `shape` as cover a picture of `size`, evenly spread, each with that share of it in the next one."""
  starts = []
  for side, wanted in zip(size, shape):
    step = max(wanted * (1 - overlap), 1)  # Not two windows at one place.
    count = max(math.ceil((side - wanted) / step - 1e-9), 0) + 1
    starts.append([round(index * (side - wanted) / (count - 1)) if count > 1 else 0 for index in range(count)])
  return [(top, left) for top in starts[0] for left in starts[1]]


def window(
  picture: Image.Image, mask: np.ndarray, corner: tuple[int, int], shape: Shape, overlap: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
  """The window at `corner`, one of `corners`; pixels that another window shows further from its border are `IGNORED`."""
  (top, left), (height, width) = corner, shape
  owned = np.ones(mask.shape, bool)
  for axis, (begin, wanted) in enumerate(zip(corner, shape)):
    begins = sorted({each[axis] for each in corners(mask.shape, shape, overlap)})
    middles = np.asarray(begins) + wanted / 2
    nearest = np.abs(np.arange(mask.shape[axis])[:, None] + 0.5 - middles).argmin(1)
    mine = nearest == begins.index(begin)
    owned &= mine[:, None] if axis == 0 else mine[None]
  part = np.s_[top : top + height, left : left + width]
  return _padded(np.asarray(picture)[part], np.where(owned, mask, IGNORED).astype(np.int32)[part], shape)


def _padded(pixels: np.ndarray, labels: np.ndarray, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
  """Both in `shape`, continued below and to the right by grey and `IGNORED`."""
  more = [(0, wanted - side) for wanted, side in zip(shape, labels.shape)]
  return np.pad(pixels, (*more, (0, 0)), constant_values=127), np.pad(labels, more, constant_values=IGNORED)


def _batches(read: Callable[[int], tuple[np.ndarray, np.ndarray]], order: np.ndarray, shape: Shape) -> tf.data.Dataset:
  def load(index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pixels, labels = read(int(index))
    return np.ascontiguousarray(pixels), np.ascontiguousarray(labels, np.int32)

  def decode(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    # Not stateful: reading a file twice gives the same, and stateful maps run one by one when operations are deterministic.
    pixels, labels = tf.numpy_function(load, [index], (tf.uint8, tf.int32), stateful=False)
    return tf.ensure_shape(pixels, [*shape, 3]), tf.ensure_shape(labels, shape)

  return tf.data.Dataset.from_tensor_slices(order.astype(np.int64)).map(decode, num_parallel_calls=_reading.PARALLEL)

"""Pictures with a mask each: where they come from, and how both are scaled, cropped, flipped and recoloured alike."""

import abc
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent import futures
import dataclasses
import math
import pathlib

import numpy as np
from PIL import ExifTags, Image, ImageEnhance
import tensorflow as tf

from st_tf.task import TaskError
from st_tf.task.pictures import open_rgb
from tasks import _palettes, _reading

IGNORED = -1  # In a mask: a pixel that counts for nothing.
DRAWS = 8  # Scale, row, column, flip, brightness, contrast, saturation, hue.
_SCALES = (0.5, 2.0)
_BRIGHTNESS, _CONTRAST, _SATURATION = 0.125, 0.5, 0.5  # Largest relative changes.
_MASK_MODES = ('1', 'L', 'P', 'I', 'I;16', 'I;16B')
_HUE = 18 / 360  # Largest turn, as a share of the circle.
_LYING = (5, 6, 7, 8)  # Orientations in EXIF whose picture has to be turned by a quarter to be upright.

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

  def take(self, indices: np.ndarray) -> 'Arrays':
    return Arrays(self.pixels[indices], self.masks[indices])


@dataclasses.dataclass(frozen=True)
class Files(MaskedImages):
  """Pictures and masks in files.

  Attributes:
    pairs: (picture, mask) files.
    classes: [numbers in a mask] -> class or `IGNORED`, int32.
    outside: what is said of a number that `classes` has not.
  """

  pairs: Sequence[tuple[pathlib.Path, pathlib.Path]]
  classes: np.ndarray
  outside: str

  def __len__(self) -> int:
    return len(self.pairs)

  def read(self, index: int) -> tuple[Image.Image, np.ndarray]:
    """As `MaskedImages.read`.

    Raises:
      TaskError: a file cannot be read, both have different sizes, or the mask has a number that is no class.
    """
    source, labels = self.pairs[index]
    picture, numbers = open_rgb(source, str(source)), mask_numbers(labels)
    self._check(index, (picture.height, picture.width), numbers)
    return picture, self.classes[numbers]

  def check(self, index: int) -> tuple[np.ndarray, dict[int, _palettes.Colour]]:
    """(how often each number is in the mask, colours as of `_palettes.used`); raises what `read` raises, without decoding the picture."""
    numbers, palette = _mask(self.pairs[index][1])
    self._check(index, self.size(index), numbers)
    counts = np.bincount(numbers.ravel(), minlength=len(self.classes))
    return counts, _palettes.used(counts, palette)

  def _check(self, index: int, size: Shape, numbers: np.ndarray) -> None:
    source, labels = self.pairs[index]
    if numbers.shape != size:
      raise TaskError(
        f'A mask has the size of its picture, {size[1]}x{size[0]} of {source}. Received: {numbers.shape[1]}x{numbers.shape[0]}'
        f' of {labels}. Export it again from the same picture.'
      )
    if numbers.max(initial=0) >= len(self.classes):
      raise TaskError(f'{self.outside} Received: {numbers.max()} in {labels}. Correct the mask or the list of classes.')

  def size(self, index: int) -> Shape:
    """As `MaskedImages.size`, from the file's header; of the upright picture, as `read` gives it."""
    try:
      with Image.open(self.pairs[index][0]) as picture:
        lies = picture.getexif().get(ExifTags.Base.Orientation, 1) in _LYING
        return (picture.width, picture.height) if lies else (picture.height, picture.width)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
      raise TaskError(f'An image can be decoded. Received: {self.pairs[index][0]} ({error}). Replace or remove it.') from error

  def take(self, indices: np.ndarray) -> 'Files':
    return dataclasses.replace(self, pairs=[self.pairs[index] for index in indices])


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


def check(splits: Iterable[Files]) -> list[np.ndarray]:
  """Reads every mask and the size of every picture; how many pixels of each split have each number.

  Raises:
    TaskError: a file is bad, palettes contradict each other, or a split is void alone.
  """
  palettes, totals = _palettes.Palettes(), []
  with futures.ThreadPoolExecutor() as pool:  # Decoding releases Python's lock.
    for files in splits:
      pixels = np.zeros(len(files.classes), np.int64)
      for (_, labels), (counts, colours) in zip(files.pairs, pool.map(files.check, range(len(files)))):
        palettes.add(labels, colours)
        pixels += counts
      if not pixels[files.classes != IGNORED].any():
        folder = files.pairs[0][1].parent
        raise TaskError(
          f'The masks of a split have pixels of classes. Received: {len(files)} masks that are all void, such as those in {folder}.'
          ' Export them again.'
        )
      totals.append(pixels)
  return totals


def mask_numbers(path: pathlib.Path) -> np.ndarray:
  """[height, width] int32 numbers of a mask's file.

  Raises:
    TaskError: it cannot be read, or is no picture with one whole number per pixel.
  """
  return _mask(path)[0]


def _mask(path: pathlib.Path) -> tuple[np.ndarray, list[int] | None]:
  """(numbers as of `mask_numbers`, red, green and blue of 0, 1, ... one after the other where there is a palette)."""
  rule = 'A mask is a picture with one whole number per pixel (8 or 16 bits of grey, or a palette).'
  try:
    with Image.open(path) as picture:
      if picture.mode in _MASK_MODES:
        return np.asarray(picture).astype(np.int32), picture.getpalette('RGB')
      mode = picture.mode
  except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
    raise TaskError(f'{rule} Received: {path} ({error}). Replace or remove it.') from error
  raise TaskError(f'{rule} Received: mode {mode!r} of {path}. Write the number of its class into each pixel, not its colour.')

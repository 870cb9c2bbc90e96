"""Data of one's own as it is handed over: `tf.data` datasets or arrays become arrays of examples, with pixels from 0 to 255."""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from st_tf.task import TaskError

_MOST_BYTES = 8 * 2**30  # Of what a dataset gives; one without an end that says nothing of it is seen by this.
_ROUNDING = 1e-3  # By which a pixel may differ from a whole number: of k / 255 in float32 it is less, of anything else mostly more.
_GIVEN = 'A split is a tf.data.Dataset of (image, target) or a tuple of arrays (images, targets).'
_IMAGE = 'An image is [height, width, 3].'
_NUMBERS = 'Images have whole numbers from 0 to 255, or all of them such numbers divided by 255.'


@dataclasses.dataclass(frozen=True)
class Given:
  """The examples of one split.

  Attributes:
    source: what messages call it.
    images: [n, height, width, 3], or [n] arrays of different shapes.
    targets: [n, ...], or [n] arrays of different shapes.
  """

  source: str
  images: np.ndarray
  targets: np.ndarray


def read(given: Any, source: str) -> Given:
  """A split as it was given; of what is in images and targets nothing is checked.

  Args:
    given: a finite `tf.data.Dataset` of (image, target), in batches or not, or (images, targets).
    source: what messages call it.

  Raises:
    TaskError: it is neither, has no end or no example, cannot be read, or has more images than targets or fewer.
  """
  if isinstance(given, tf.data.Dataset):
    images, targets = _from_dataset(given, source)
  elif isinstance(given, tuple) and len(given) == 2:
    images, targets = (packed(part) for part in given)
  else:
    raise TaskError(f'{_GIVEN} Received: {type(given).__name__} as {source}. Write for example (images, targets).')
  if len(images) != len(targets):
    raise TaskError(f'Every image has a target. Received: {len(images)} images and {len(targets)} targets in {source}. Add or remove some.')
  if not len(images):
    raise TaskError(f'A split has at least one example. Received: an empty one as {source}. Add examples or leave the split out.')
  return Given(source, images, targets)


def pixels(splits: Mapping[str, Given]) -> dict[str, np.ndarray]:
  """The images of each split as uint8, [n, height, width, 3] or [n] arrays.

  Numbers of any type are taken that are whole and lie in 0 to 255. Where no floating number of any split is above 1, they are 255
  times the pixels; this is asked of all together, because one black image tells nothing.

  Raises:
    TaskError: an image has another shape, or other numbers.
  """
  for given in splits.values():
    _check_shapes(given)
  largest = [float(image.max()) for given in splits.values() for image in given.images if image.dtype.kind == 'f']
  factor = 255 if largest and max(largest) <= 1 else 1
  images = {}
  for split, given in splits.items():
    if given.images.dtype == np.uint8:
      images[split] = given.images
    else:
      images[split] = packed([_whole(image, factor, index, given.source) for index, image in enumerate(given.images)])
  return images


def packed(values: Any) -> np.ndarray:
  """[n, ...] of values alike in shape, or else [n] objects that are arrays."""
  if not isinstance(values, (list, tuple)):
    array = np.asarray(values)
    if array.ndim and array.dtype != object:
      return array
    values = array if array.ndim else [array]
  rows = [np.asarray(value) for value in values]
  if not rows:
    return np.zeros(0)
  # Numbers of several types become one: of plain lists some rows may happen to be whole.
  if len({row.shape for row in rows}) == 1 and (all(row.dtype.kind in 'biuf' for row in rows) or {row.dtype.kind for row in rows} == {'U'}):
    return np.stack(rows)
  objects = np.empty(len(rows), object)
  for index, row in enumerate(rows):  # One by one: assigned together, arrays of one shape would be unpacked.
    objects[index] = row
  return objects


def shapes(images: np.ndarray) -> set[tuple[int, ...]]:
  """The different shapes of arrays [n, ...] or [n] arrays."""
  return {image.shape for image in images} if images.dtype == object else {images.shape[1:]}


def _from_dataset(dataset: tf.data.Dataset, source: str) -> tuple[np.ndarray, np.ndarray]:
  spec = dataset.element_spec
  if not isinstance(spec, tuple) or len(spec) != 2 or not all(isinstance(part, tf.TensorSpec) for part in spec):
    raise TaskError(
      f'{_GIVEN} Received: elements {str(spec):.200} in {source}. Map them to two tensors, for example'
      " dataset.map(lambda row: (row['image'], row['label']))."
    )
  if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
    raise TaskError(f'A dataset has an end: an epoch shows every example once. Received: an endless one as {source}. Leave .repeat() out.')
  images, targets, size = [], [], 0
  try:
    for image, target in dataset.as_numpy_iterator():
      # An image has three dimensions, and a batch of them four.
      batched = np.ndim(image) == 4
      if batched and len(image) != len(np.atleast_1d(target)):
        raise TaskError(
          f'Every image has a target. Received: a batch of {len(image)} images and {len(np.atleast_1d(target))} targets in {source}.'
          ' Batch them together.'
        )
      images += list(image) if batched else [image]
      targets += list(target) if batched else [target]
      size += image.nbytes
      if size > _MOST_BYTES:
        raise TaskError(
          f'Data in memory take at most {_MOST_BYTES >> 30} GiB per split. Received: more after {len(images)} images of {source}.'
          ' Give fewer or smaller images (.take, .map), or write them to files and use folder:PATH.'
        )
  except tf.errors.OpError as error:
    raise TaskError(_unreadable(error, source)) from error
  return packed(images), packed(targets)


def _unreadable(error: tf.errors.OpError, source: str) -> str:
  message = (error.message.splitlines() or [type(error).__name__])[0][:300]
  if 'Cannot batch tensors with different shapes' in message:
    return f'A batch has images of one size. Received: {message} in {source}. Leave .batch() out: examples may come one by one.'
  return f'A dataset can be read to its end. Received: {message} in {source}. Correct what it is made of.'


def _check_shapes(given: Given) -> None:
  """Refuses images that are none, with the way to what they seem to be."""
  for shape in sorted(shapes(given.images)):
    if len(shape) == 3 and shape[2] == 3 and min(shape) > 0:
      continue
    raise TaskError(f'{_IMAGE} Received: {list(shape)} in {given.source}. {_way_out(shape)}')


def _way_out(shape: Sequence[int]) -> str:
  if len(shape) == 2:
    return 'Show grey in three channels: np.repeat(image[..., None], 3, -1).'
  if len(shape) == 3 and shape[2] == 1:
    return 'Show grey in three channels: np.repeat(image, 3, -1).'
  if len(shape) == 3 and shape[2] == 4:
    return 'Leave the transparency out: image[..., :3].'
  if len(shape) == 3 and shape[0] in (1, 3, 4):
    return 'Put the channels last: np.moveaxis(image, 0, -1).'
  return 'Give images as they are decoded, without further dimensions; of batches of grey ones np.repeat(images[..., None], 3, -1).'


def _whole(image: np.ndarray, factor: int, index: int, source: str) -> np.ndarray:
  """[height, width, 3] uint8."""
  if image.dtype == np.uint8:
    return image
  if image.dtype.kind not in 'uif':
    raise TaskError(f'{_NUMBERS} Received: {image.dtype} in image {index} of {source}. Write image.astype(np.uint8).')
  if not np.isfinite(image).all():
    raise TaskError(f'{_NUMBERS} Received: NaN or infinity in image {index} of {source}. Correct or remove it.')
  scaled = image * factor if image.dtype.kind == 'f' else image
  rounded = np.rint(scaled)
  if rounded.min() < 0 or rounded.max() > 255 or np.abs(scaled - rounded).max() > _ROUNDING:
    raise TaskError(
      f'{_NUMBERS} Received: {image.dtype} from {image.min():g} to {image.max():g} in image {index} of {source}. Give the pixels as they'
      ' were before they were normalised, as the task does that itself; of such as were resized write np.rint(image).astype(np.uint8).'
    )
  return rounded.astype(np.uint8)

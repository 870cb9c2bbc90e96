"""Data of one's own, read and checked, as a task of their kind: of what size its images are and what is kept of them."""

from collections.abc import Mapping
import dataclasses
import io

import numpy as np
from PIL import Image

from st_tf.task import SPLITS, DataConfig, Task, TaskError
from tasks import _crops, _datasets_given
from tasks._classification import ClassificationTask
from tasks._images import ArrayImages, EncodedImages
from tasks._joints import Joints
from tasks._keypoints import KeypointTask
from tasks._masks import Arrays
from tasks._people import Annotations, People, true_people
from tasks._segmentation import SegmentationTask
from tasks._sizes import shape, side
from tasks._splits import Examples
from tasks._statistics import PHOTOGRAPHS

_LARGEST_ARRAY_SIDE = 64  # Larger images are shown in random crops, as those of folders are; smaller ones are shifted.
_LARGEST_SIDE = 512  # Of images that a network reads as they are, in pixels.
_SMALLEST_SIDES = {'classification': 8, 'segmentation': 16, 'keypoints': 16}


@dataclasses.dataclass(frozen=True)
class Data:
  """What a task is made of.

  Attributes:
    name: of the task.
    kind: one of `KINDS`.
    labels: names of classes or joints, in order.
    images: per split [n, height, width, 3] uint8, or [n] such arrays.
    targets: per split labels [n] int64, masks [n, height, width] int32 (or [n] such arrays), or joints [n, joints, 3] float64.
    joints: what is known of the joints, if they are any.
    notes: what should be known of it, a line each.
  """

  name: str
  kind: str
  labels: tuple[str, ...]
  images: Mapping[str, np.ndarray]
  targets: Mapping[str, np.ndarray]
  joints: Joints | None = None
  notes: tuple[str, ...] = ()


def build(data: Data, config: DataConfig) -> Task:
  """The task of data that have all three splits.

  Raises:
    TaskError: settings do not fit, or images have several sizes and none was chosen.
  """
  return {'classification': _classification, 'segmentation': _segmentation, 'keypoints': _keypoints}[data.kind](data, config)


def _classification(data: Data, config: DataConfig) -> Task:
  own = _own_shape(data, config)
  size, splits = side(config, own[0]), {}
  in_memory = own != (0, 0) and max(*own, size) <= _LARGEST_ARRAY_SIDE
  for split, images in data.images.items():
    source = f'{data.name}/{split}'
    if in_memory:
      pictures = ArrayImages(images if own[0] == size else np.stack([_resized(image, size) for image in images]), source)
    else:
      names = [f'image {index} of {source}' for index in range(len(images))]
      pictures = EncodedImages([_encoded(image) for image in images], names, size)
    splits[split] = Examples(pictures, data.targets[split])
  if in_memory:
    return ClassificationTask(data.name, data.labels, splits, config, size=size, default_supernet='cifar')
  return ClassificationTask(data.name, data.labels, splits, config, size=size, default_supernet='mobile', statistics=PHOTOGRAPHS)


def _segmentation(data: Data, config: DataConfig) -> Task:
  splits = {split: Arrays(images, data.targets[split]) for split, images in data.images.items()}
  return SegmentationTask(data.name, data.labels, splits, config, shape=shape(config, _own_shape(data, config)))


def _keypoints(data: Data, config: DataConfig) -> Task:
  splits = {split: _people(data, split) for split in SPLITS}
  return KeypointTask(data.name, splits, config, shape=shape(config, _own_shape(data, config)))


def _people(data: Data, split: str) -> People:
  """One person per image, in a box whose crop, which has a margin, is the whole image: what a network sees that is told no boxes."""
  images, numbers = data.images[split], np.arange(len(data.images[split]))
  shapes = np.asarray([image.shape[:2] for image in images])
  sides = shapes[:, ::-1] / _crops.PADDING
  annotations = Annotations(
    source=f'{data.name}/{split}',
    joints=data.joints,
    category=1,
    pictures=list(images),
    picture_ids=numbers,
    shapes=shapes,
    person_ids=numbers,
    picture=numbers,
    boxes=np.concatenate([(shapes[:, ::-1] - sides) / 2, sides], 1),
    areas=sides.prod(1),
    keypoints=data.targets[split],
    crowd=np.zeros(len(images), bool),
  )
  return true_people(annotations, numbers, split)


def _own_shape(data: Data, config: DataConfig) -> tuple[int, int]:
  """(height, width) of the images where a network can read them as they are, else (0, 0), which another must be given in place of."""
  sizes = {size[:2] for images in data.images.values() for size in _datasets_given.shapes(images)}
  smallest, square = _SMALLEST_SIDES[data.kind], data.kind == 'classification'
  own = min(sizes)
  if len(sizes) == 1 and smallest <= min(own) and max(own) <= _LARGEST_SIDE and (own[0] == own[1] or not square):
    return own
  if not config.image_size and not config.image_width:
    shown = ', '.join(f'{width}x{height}' for height, width in sorted(sizes)[:3])
    raise TaskError(
      f'{"Squares" if square else "Images"} of one size, {smallest} to {_LARGEST_SIDE} pixels, are read as they are; of others image_size='
      f' says what the network reads. Received: {shown}{", ..." if len(sizes) > 3 else ""} in {data.name}. Write for example image_size=96.'
    )
  return 0, 0


def _encoded(image: np.ndarray) -> bytes:
  """The image in a file that loses nothing and is quick to read."""
  file = io.BytesIO()
  Image.fromarray(image).save(file, 'BMP')
  return file.getvalue()


def _resized(image: np.ndarray, size: int) -> np.ndarray:
  return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))

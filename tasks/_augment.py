"""Augmentation of training batches, as functions of numbers drawn beforehand.

Nothing here draws: each example brings its row of uniform numbers, keyed by (seed, epoch, example). So a batch is the
same however the pipeline is scheduled, and a run continues inside an epoch with the batches it would have seen.
"""

import numpy as np
import tensorflow as tf

GEOMETRY_DRAWS = 5  # Position (2), flip, area, aspect.
_PADDING = 1 / 8  # Of the side: the usual 4 pixels at 32.
SMALLEST_AREA = 0.35  # Of a random crop, as a share of the picture; ImageNet's tasks take less (`tasks.imagenet`).
_LARGEST_ASPECT = 4 / 3


def draw(seed: int, epoch: int, stream: int, shape: tuple[int, ...]) -> np.ndarray:
  """Uniform numbers in [0, 1), float32; row i belongs to example i in this epoch.

  Args:
    seed: of the run.
    epoch: counted from 0.
    stream: what they are for; streams are independent.
    shape: [examples, ...].
  """
  return np.random.default_rng((seed, epoch, stream)).random(shape, np.float32)


def crop_and_flip(draws: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
  """Rows and columns to read, each [batch, size] int64: a shift by up to an eighth, reflected at the border, and a flip.

  Args:
    draws: [batch, GEOMETRY_DRAWS] in [0, 1).
    size: side of the pictures in pixels.
  """
  padding = max(1, round(_PADDING * size))
  shifts = tf.cast(draws[:, :2] * (2 * padding + 1), tf.int64) - padding
  steps = tf.range(size, dtype=tf.int64)
  last = size - 1
  reflected = last - tf.abs(last - tf.abs(shifts[:, :, None] + steps))
  rows, columns = reflected[:, 0], reflected[:, 1]
  return rows, tf.where(draws[:, 2:3] < 0.5, columns[:, ::-1], columns)


def random_box(
  draws: np.ndarray, width: int, height: int, smallest_area: float = SMALLEST_AREA
) -> tuple[tuple[float, float, float, float], bool]:
  """(left, top, right, bottom) of a random part of a picture, in pixels, and whether to flip it.

  Args:
    draws: [GEOMETRY_DRAWS] in [0, 1).
    width: of the picture, in pixels.
    height: of the picture, in pixels.
    smallest_area: share of the picture that the smallest part covers.
  """
  area = (smallest_area + (1 - smallest_area) * draws[3]) * width * height
  aspect = _LARGEST_ASPECT ** (2 * draws[4] - 1)
  # A crop that would be wider or taller than the picture is cut off there.
  across, down = min(width, np.sqrt(area * aspect)), min(height, np.sqrt(area / aspect))
  left, top = draws[1] * (width - across), draws[0] * (height - down)
  return (float(left), float(top), float(left + across), float(top + down)), bool(draws[2] < 0.5)


def mix(images: tf.Tensor, targets: tf.Tensor, shares: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
  """Mixup (Zhang et al., ICLR 2018): each example is blended with the one at the mirrored place of its batch.

  Args:
    images: [batch, height, width, 3].
    targets: [batch, classes].
    shares: [batch] in [0, 1], what an example keeps of itself.
  """
  pixel_shares, target_shares = shares[:, None, None, None], shares[:, None]
  return (
    images * pixel_shares + images[::-1] * (1 - pixel_shares),
    targets * target_shares + targets[::-1] * (1 - target_shares),
  )

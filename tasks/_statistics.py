"""What pictures are normalised with: known statistics or measured ones, and the same on tensors."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from st_tf.task import Normalisation
from st_tf.task.normalisation import Affine

# Statistics of natural photographs (ImageNet's), for sources that are too large to be measured at the start.
PHOTOGRAPHS = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_AT_ONCE = 1000 * 32 * 32  # Pixels.


def measured(pixels: np.ndarray) -> Normalisation:
  """Mean and deviation per channel of pictures [n, height, width, 3] uint8, to 4 digits."""
  total, squares, count = np.zeros(3), np.zeros(3), 0
  step = max(1, _AT_ONCE // (pixels.shape[1] * pixels.shape[2]))
  for start in range(0, len(pixels), step):  # In pieces: all pictures as float would take 4 times their memory.
    part = np.asarray(pixels[start : start + step]).reshape(-1, 3).astype(np.float32) / 255
    total, squares, count = total + part.sum(0, dtype=np.float64), squares + np.square(part).sum(0, dtype=np.float64), count + len(part)
  deviation = np.sqrt(np.maximum(squares / count - (total / count) ** 2, 1e-4))
  return Normalisation(tuple(np.round(total / count, 4).tolist()), tuple(np.round(deviation, 4).tolist()))


def normaliser(normalisation: Normalisation) -> Callable[[tf.Tensor], tf.Tensor]:
  """The function from bytes [..., 3], as uint8 or float32, to normalised pixels."""
  # Tensors of the caller, not constants of the graph, whose products TensorFlow would merge with those before them: other bits.
  affine = Affine(*map(tf.constant, normalisation.from_bytes))
  return lambda pixels: affine(tf.cast(pixels, tf.float32))

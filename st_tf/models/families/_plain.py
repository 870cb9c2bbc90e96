"""What networks for small pictures share that no one has published weights of: they begin at random."""

from collections.abc import Callable
import pathlib
from typing import Any

import numpy as np
import tf_keras as keras

from st_tf.models.families import PIXELS, Family

_MOMENTUM, _EPSILON = 0.9, 1e-5


def untrained(features: Callable[[Any], Any], pixels: str = 'imagenet') -> Family:
  """A network that begins at random.

  Args:
    features: as of `Family`.
    pixels: that it is trained on, one of `PIXELS`.
  """
  mean, deviation = PIXELS[pixels]
  return Family(features, mean, deviation, dropout=0.0, suffixes=(), file_of='', read=_no_file)


def convolved(x: Any, channels: int, name: str, stride: int = 1, size: int = 3) -> Any:
  """A convolution without a bias, padded alike on all sides."""
  if size > 1 and stride > 1:
    x = keras.layers.ZeroPadding2D(size // 2, name=f'{name}_pad')(x)
  return keras.layers.Conv2D(channels, size, stride, 'valid' if stride > 1 else 'same', use_bias=False, name=name)(x)


def normed(x: Any, name: str) -> Any:
  """A batch norm."""
  return keras.layers.BatchNormalization(momentum=_MOMENTUM, epsilon=_EPSILON, name=name)(x)


def _no_file(file: pathlib.Path) -> dict[str, np.ndarray]:
  raise ValueError(f'{file} is of no use: there are no published weights')

"""How pixels become what a network reads, and what it has read becomes pixels again.

Pixels come in three scales: bytes from 0 to 255, units from 0 to 1, and normalised. Every way between them has one rounding, which
recorded results depend on: those on tensors and in files are one product and one sum in float32, that of a single picture is more exact.
"""

from collections.abc import Sequence
import dataclasses
from typing import Any, NamedTuple

import numpy as np


class Affine(NamedTuple):
  """A change of scale: `images * factor + summand`, per channel.

  Attributes:
    factor: [3] float32.
    summand: [3] float32.
  """

  factor: np.ndarray
  summand: np.ndarray

  def __call__(self, images: Any) -> Any:
    """Images [..., 3], an array or a tensor of float32, in the other scale."""
    return images * self.factor + self.summand


@dataclasses.dataclass(frozen=True)
class Normalisation:
  """The mean that is subtracted from images in [0, 1], and the deviation they are divided by.

  Attributes:
    mean: per channel.
    deviation: per channel.
  """

  mean: Sequence[float]
  deviation: Sequence[float]

  def normalised(self, pixels: np.ndarray) -> np.ndarray:
    """Bytes [..., 3] uint8 as float32: brought to [0, 1], minus the mean, over the deviation, in double precision."""
    return ((pixels.astype(np.float32) / 255 - np.asarray(self.mean)) / np.asarray(self.deviation)).astype(np.float32)

  def denormalised(self, image: np.ndarray) -> np.ndarray:
    """The bytes [..., 3] uint8 that `image` was made of."""
    pixels = (np.asarray(image, np.float64) * self.deviation + self.mean) * 255
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)

  @property
  def from_bytes(self) -> Affine:
    """Bytes as float32 -> normalised; how training reads its pictures."""
    return Affine(np.float32(1 / (255 * np.asarray(self.deviation))), -np.float32(np.asarray(self.mean) / np.asarray(self.deviation)))

  @property
  def to_bytes(self) -> Affine:
    """Normalised -> from 0 to 255, not rounded."""
    return Affine(255 * np.float32(self.deviation), 255 * np.float32(self.mean))

  @property
  def from_units(self) -> Affine:
    """From 0 to 1 -> normalised; the first operation of an exported file."""
    factor = 1 / np.asarray(self.deviation, np.float64)
    return Affine(np.float32(factor), np.float32(-np.asarray(self.mean, np.float64) * factor))

  @property
  def to_units(self) -> Affine:
    """Normalised -> from 0 to 1."""
    return Affine(np.float32(self.deviation), np.float32(self.mean))

  def onto(self, other: 'Normalisation') -> Affine:
    """Normalised so -> normalised as `other` does it."""
    mean, deviation = np.float32(other.mean), np.float32(other.deviation)
    return Affine(np.float32(self.deviation) / deviation, (np.float32(self.mean) - mean) / deviation)

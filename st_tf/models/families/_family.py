"""What a family of networks is."""

from collections.abc import Callable, Mapping
import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Family:
  """One network that is known by name.

  Attributes:
    features: images [batch, height, width, 3], normalised -> maps before the global pooling, as Keras tensors.
    mean: per channel, that its weights want to be subtracted from images in [0, 1].
    deviation: likewise, that they are divided by.
    dropout: before the last layer.
    file_of: what its files of weights are, for messages.
    read: {name: array} of such a file -> {'layer/variable': array}; raises KeyError where one is missing.
  """

  features: Callable[[Any], Any]
  mean: tuple[float, float, float]
  deviation: tuple[float, float, float]
  dropout: float
  file_of: str
  read: Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]

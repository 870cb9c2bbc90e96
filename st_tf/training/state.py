"""A run at one moment."""

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class State:
  """What goes into a checkpoint.

  Attributes:
    facts: plain data (numbers, lists, strings).
    arrays: arrays by name; the part before the first slashes says what they are.
  """

  facts: dict[str, Any]
  arrays: dict[str, np.ndarray]

  def part(self, prefix: str) -> dict[str, np.ndarray]:
    """The arrays whose names start with `prefix`, without it."""
    return {name[len(prefix) :]: value for name, value in self.arrays.items() if name.startswith(prefix)}

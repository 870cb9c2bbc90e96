"""What a runtime says about a model."""

import dataclasses
import statistics

import numpy as np

from st_tf.errors import UserError


class RuntimeMissingError(UserError):
  """A runtime that is not installed here."""


@dataclasses.dataclass(frozen=True)
class Measured:
  """Outputs and times of one model on one runtime.

  Attributes:
    outputs: [images, ...].
    milliseconds: time per image, one entry per round; empty when it was not timed.
    peak_megabytes: memory, where the runtime tells it.
  """

  outputs: np.ndarray
  milliseconds: tuple[float, ...] = ()
  peak_megabytes: float | None = None

  @property
  def latency(self) -> float:
    """Median milliseconds per image."""
    return statistics.median(self.milliseconds)


def speedup(reference: Measured, other: Measured) -> float:
  """How much faster `other` is than `reference`: median over rounds of the ratio, so that drift cancels out."""
  return statistics.median(a / b for a, b in zip(reference.milliseconds, other.milliseconds))

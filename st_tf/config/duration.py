"""How long something lasts, or when it happens: a share of the training, epochs, or steps."""

import dataclasses
import math
from typing import Any

SHARE, EPOCHS, STEPS = 'share', 'epochs', 'steps'
_ENDINGS = (('%', SHARE), ('ep', EPOCHS), ('it', STEPS))
WRITTEN = 'a share of the training (0.3 or 30%), epochs (5ep) or steps (2000it)'


@dataclasses.dataclass(frozen=True)
class Duration:
  """An amount with its unit.

  Attributes:
    amount: how much; a share of 1 is the whole training.
    unit: 'share', 'epochs' or 'steps'.
  """

  amount: float
  unit: str = SHARE

  @classmethod
  def of(cls, value: Any) -> 'Duration':
    """The duration that is meant by a value.

    Args:
      value: a duration, its text ('0.3', '30%', '5ep', '2000it'), or a number: up to 1 a share, above it epochs, as configurations said
        before durations had units.

    Raises:
      ValueError: the value is none, or a text that is above 1 and says no unit.
    """
    if isinstance(value, Duration):
      return value
    if isinstance(value, str):
      return cls._of_text(value.strip())
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
      raise ValueError(f'{value!r} is no duration')
    return cls(float(value), SHARE if value <= 1 else EPOCHS)

  @classmethod
  def _of_text(cls, text: str) -> 'Duration':
    ending, unit = next(((ending, unit) for ending, unit in _ENDINGS if text.endswith(ending)), ('', SHARE))
    amount = float(text.removesuffix(ending))
    if not math.isfinite(amount):
      raise ValueError(f'{text!r} is no duration')
    if ending == '%':
      amount /= 100
    if unit == SHARE and amount > 1:
      raise ValueError(f'{text!r} is above 1')
    if unit == STEPS and amount != round(amount):
      raise ValueError(f'{text!r} are no whole steps')
    return cls(amount, unit)

  def steps(self, total: int, steps_per_epoch: int) -> int:
    """How many training steps it is, in a training of `total`."""
    if self.unit == STEPS:
      return int(self.amount)
    return round(self.amount * (total if self.unit == SHARE else steps_per_epoch))

  def epochs(self, total: float, unknown: float) -> float:
    """How many epochs it is, in a training of `total`; `unknown` for steps, of which only data say how many an epoch has."""
    if self.unit == STEPS:
      return unknown
    return self.amount * total if self.unit == SHARE else self.amount

  @property
  def written(self) -> float | str:
    """As configurations have it in JSON: a share as a number, epochs and steps as text."""
    return self.amount if self.unit == SHARE else str(self)

  @property
  def plain(self) -> float | str:
    """As configurations had it before durations had units, where they could; fingerprints are made of it."""
    return self.amount if self.unit == EPOCHS and self.amount > 1 else self.written

  def __str__(self) -> str:
    if self.unit == SHARE:
      return str(self.amount)
    return f'{str(self.amount).removesuffix(".0")}{"ep" if self.unit == EPOCHS else "it"}'


def share(amount: float) -> Duration:
  """So much of the whole training."""
  return Duration(amount, SHARE)


def epochs(amount: float) -> Duration:
  """So many epochs."""
  return Duration(amount, EPOCHS)

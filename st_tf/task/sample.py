"""One example and what a network says of it, for people."""

from collections.abc import Sequence
import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Sample:
  """One image and what a network says about it, for people.

  Attributes:
    pictures: (caption, [height, width, 3] uint8), the image itself first.
    truth: what the image shows, in words; empty where a picture says it.
    guesses: (label, share), largest first.
    legend: (label, '#rrggbb') of what colours in the pictures mean.
  """

  pictures: tuple[tuple[str, np.ndarray], ...]
  truth: str = ''
  guesses: tuple[tuple[str, float], ...] = ()
  legend: tuple[tuple[str, str], ...] = ()

  @property
  def is_right(self) -> bool | None:
    """Whether the first guess is the truth; None where the truth is no word."""
    return bool(self.guesses) and self.guesses[0][0] == self.truth if self.truth else None


def most_likely(logits: np.ndarray, labels: Sequence[str], top: int) -> list[tuple[str, float]]:
  """The `top` most likely labels with their probabilities, from logits [classes]."""
  exponentials = np.exp(logits.astype(np.float64) - logits.max())
  probabilities = exponentials / exponentials.sum()
  order = np.argsort(-probabilities, kind='stable')[:top]
  return [(labels[i], float(probabilities[i])) for i in order]

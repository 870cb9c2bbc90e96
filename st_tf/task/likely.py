"""What a classifier says, in words."""

from collections.abc import Sequence

import numpy as np


def most_likely(logits: np.ndarray, labels: Sequence[str], top: int) -> list[tuple[str, float]]:
  """The `top` most likely labels with their probabilities, from logits [classes]."""
  exponentials = np.exp(logits.astype(np.float64) - logits.max())
  probabilities = exponentials / exponentials.sum()
  order = np.argsort(-probabilities, kind='stable')[:top]
  return [(labels[i], float(probabilities[i])) for i in order]

"""What accumulates the scores of an evaluation."""

import abc

import numpy as np


class Metrics(abc.ABC):
  """Accumulates scores over the batches of one evaluation."""

  @abc.abstractmethod
  def update(self, targets: np.ndarray, outputs: np.ndarray) -> None:
    """Adds one batch of targets and network outputs."""

  @abc.abstractmethod
  def result(self) -> dict[str, float]:
    """The scores so far, by name."""

  @abc.abstractmethod
  def per_class(self) -> dict[str, dict[str, float]]:
    """The scores of each class: {label: {'count': n, score: value}}."""

  def interval(self, pictures: np.ndarray) -> tuple[float, float] | None:
    """The 95% interval of the score that decides, where it is no share of right examples (`confidence` has that); None = not known.

    Args:
      pictures: [n], the number of the picture that each example so far is of.
    """
    del pictures
    return None

  def confusion(self) -> dict[str, dict[str, int]]:
    """How often what was taken for what, {truth: {answer: n}}, without what never happened; nothing where answers are no classes."""
    return {}

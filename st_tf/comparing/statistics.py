"""Means, spreads and paired differences, and which differences are inside the noise."""

from collections.abc import Mapping, Sequence
import dataclasses
import math
import statistics

from scipy import stats

LEVEL = 0.95
TOLERATED = 0.01  # A loss of up to a point counts as equal.


@dataclasses.dataclass(frozen=True)
class Difference:
  """How much better one method is than another, on the same seeds.

  Attributes:
    mean: of the paired differences.
    low: lower end of its 95% confidence interval; NaN with one pair.
    high: upper end.
    pairs: how many.
  """

  mean: float
  low: float
  high: float
  pairs: int

  @property
  def is_noise(self) -> bool:
    """Whether the interval leaves open which of the two is better."""
    return not (self.low > 0 or self.high < 0)

  @property
  def verdict(self) -> str:
    """'ahead' when the interval lies above zero, 'equal' when it leaves out a loss above a point, 'behind' below zero, else 'undecided'."""
    if self.low > 0:
      return 'ahead'
    if self.low > -TOLERATED:
      return 'equal'
    return 'behind' if self.high < 0 else 'undecided'


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
  """(mean, standard deviation of the sample: NaN with one value)."""
  return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else math.nan


def difference(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Difference | None:
  """`ours` minus `theirs`, paired by seed, with Student's t interval; None when no seed is in both."""
  pairs = [ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())]
  if not pairs:
    return None
  mean, deviation = mean_and_deviation(pairs)
  if len(pairs) == 1:
    return Difference(mean, math.nan, math.nan, 1)
  half = float(stats.t.ppf((1 + LEVEL) / 2, len(pairs) - 1)) * deviation / math.sqrt(len(pairs))
  return Difference(mean, mean - half, mean + half, len(pairs))


def front(points: Sequence[tuple[float, float]]) -> list[int]:
  """Indices, by rising cost, of the (cost, score) that no other point beats in both."""
  unbeaten, best = [], -math.inf
  for index in sorted(range(len(points)), key=lambda index: (points[index][0], -points[index][1])):
    if points[index][1] > best:
      best = points[index][1]
      unbeaten.append(index)
  return unbeaten

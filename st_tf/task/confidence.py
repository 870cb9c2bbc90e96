"""How far a score can be from what it is on all pictures there are."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import stats

LEVEL = 0.95
ROUNDS = 1000  # Sets of pictures that are drawn: the ends of an interval then vary by some percent of its width.
LEAST_PICTURES = 10  # Of fewer the sets that can be drawn from them are too much alike.
INTERVALS = 'intervals'  # Where a ticket's metrics have what was drawn while the pictures were there: {split: {'low', 'high'}}.
OF_BASELINES = 'baseline_intervals'  # Likewise, {split: {baseline: {'low', 'high'}}}.
_SHARES = ('top1', 'top5')  # Scores that are shares of examples, each right or wrong.

Interval = tuple[float, float]


def interval(metric: str, score: float, examples: int) -> Interval | None:
  """Wilson's 95% interval of a share of examples that are right; None for another kind of score, or without examples.

  Args:
    metric: name of the score.
    score: its value, a fraction.
    examples: it was taken over.
  """
  if metric not in _SHARES or not examples:
    return None
  found = stats.binomtest(round(min(max(score, 0.0), 1.0) * examples), examples).proportion_ci(LEVEL, method='wilson')
  return float(found.low), float(found.high)


def of(metrics: Mapping[str, Any], split: str, metric: str, examples: int) -> Interval | None:
  """The 95% interval of a split's score: the one that was drawn from its pictures, else Wilson's.

  Args:
    metrics: a ticket's.
    split: whose score.
    metric: name of the score that decides.
    examples: it was taken over.
  """
  drawn = metrics.get(INTERVALS, {}).get(split)
  return (drawn['low'], drawn['high']) if drawn else interval(metric, metrics[split][metric], examples)


def resampled(score: Callable[[np.ndarray], float], pictures: int, rounds: int = ROUNDS) -> Interval | None:
  """The 95% interval of a score that is no share: its quantiles over sets of as many pictures, drawn with replacement by one seed.

  That is the percentile interval of Efron's bootstrap (The Annals of Statistics, 1979).

  Args:
    score: from how often each picture was drawn, [pictures], to the score of that set; NaN where it has none.
    pictures: how many there are.
    rounds: sets that are drawn.

  Returns:
    None of fewer than `LEAST_PICTURES`, or where most sets have no score.
  """
  if pictures < LEAST_PICTURES:
    return None
  rng = np.random.default_rng(0)
  found = np.asarray([score(np.bincount(rng.integers(0, pictures, pictures), minlength=pictures)) for _ in range(rounds)])
  found = found[np.isfinite(found)]
  if 2 * len(found) <= rounds:
    return None
  low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
  return float(low), float(high)


def written(found: Interval | None) -> dict[str, float]:
  """An interval as a ticket's metrics have it."""
  return {'low': found[0], 'high': found[1]} if found else {}

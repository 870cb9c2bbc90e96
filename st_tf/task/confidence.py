"""How far a score can be from what it is on all pictures there are."""

from scipy import stats

LEVEL = 0.95
_SHARES = ('top1', 'top5')  # Scores that are shares of examples, each right or wrong.


def interval(metric: str, score: float, examples: int) -> tuple[float, float] | None:
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

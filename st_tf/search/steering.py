"""How strong the penalty must be for the surviving network to meet a target, in MACs or in milliseconds.

The planned path falls linearly from the supernet's cost to the target. At each interval the strength is solved for: were
the task's gradient silent, the factors that reach zero within the interval would bring the cost onto the path. Where the
gradient resists and the cost stays above the path, a gain rises until it follows.
"""

from collections.abc import Mapping
import dataclasses

import numpy as np

_GAIN_STEP = 1.5
_MAX_GAIN = 64.0
_ARRIVAL = 0.9  # The path reaches the target at this fraction of the search, so that the rest can hold it.


@dataclasses.dataclass(frozen=True)
class Steering:
  """The controller's state between two intervals.

  Attributes:
    strength: penalty strength now.
    gain: how much stronger than solved.
    goal: cost wanted at the end of the interval.
  """

  strength: float = 0.0
  gain: float = 1.0
  goal: float = float('inf')


def path(initial: float, target: float, progress: float) -> float:
  """Cost wanted at `progress` (0 to 1) of the search."""
  return initial + (target - initial) * min(progress / _ARRIVAL, 1.0)


def mean_on_path(initial: float, target: float, begin: float, end: float, interval: float) -> float:
  """Mean over a training of what a network costs that keeps to the path and only gets smaller once per interval.

  Args:
    initial: cost of the supernet.
    target: cost at the end.
    begin: where the path begins, a fraction of the training.
    end: where the search ends, likewise.
    interval: between two removals of units, likewise.
  """
  before = min(begin + (_ARRIVAL * (end - begin) + interval) / 2, 1.0)
  return initial * before + target * (1 - before)


def steer(
  state: Steering,
  factors: Mapping[str, np.ndarray],
  penalty: Mapping[str, float],
  prices: Mapping[str, float],
  total: float,
  goal: float,
  learning_rates: float,
  dead_below: float = 0.0,
) -> Steering:
  """The state for the next interval.

  Args:
    state: that of the last interval.
    factors: raw factors by group.
    penalty: penalty per group.
    prices: of one unit, per group.
    total: cost of the network with all of `factors`' units, the dead ones included.
    goal: cost wanted at the end of the next interval.
    learning_rates: sum of the learning rates over the next interval.
    dead_below: largest magnitude of a dead unit's factor.
  """
  push = needed_push(factors, penalty, prices, total, goal)
  missed = surviving(factors, prices, total, dead_below) > state.goal
  gain = min(state.gain * _GAIN_STEP, _MAX_GAIN) if missed else max(state.gain / _GAIN_STEP, 1.0)
  return Steering(gain * push / max(learning_rates, 1e-12), gain, goal)


def surviving(factors: Mapping[str, np.ndarray], prices: Mapping[str, float], total: float, dead_below: float = 0.0) -> float:
  """Cost without the units whose factor is at most `dead_below`."""
  return total - sum(prices[name] * float(np.count_nonzero(np.abs(value) <= dead_below)) for name, value in factors.items())


def needed_push(
  factors: Mapping[str, np.ndarray], penalty: Mapping[str, float], prices: Mapping[str, float], total: float, goal: float
) -> float:
  """The smallest p such that removing every unit with |factor| <= p * penalty brings `total` to `goal`; 0 = none needed.

  Where even all units do not suffice it is the one that removes them all.
  """
  distances = np.concatenate([np.abs(value) / penalty[name] for name, value in factors.items()])
  savings = np.concatenate([np.full(value.shape, prices[name]) for name, value in factors.items()])
  order = np.argsort(distances, kind='stable')
  enough = np.nonzero(total - np.cumsum(savings[order]) <= goal)[0]
  if total <= goal:
    return 0.0
  return float(distances[order[enough[0] if enough.size else -1]])

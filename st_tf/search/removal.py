"""Which units go so that the network costs no more than it may, in MACs or in milliseconds.

What it may cost falls linearly from the supernet's cost to the target. At each look the units with the smallest |factor| for their
penalty go until the network is on that path: those that a penalty of constant strength would bring to zero next.
"""

import bisect
from collections.abc import Callable, Mapping

import numpy as np

_ARRIVAL = 0.9  # The path reaches the target at this fraction of the search, so that the rest can hold it.

Living = Mapping[str, np.ndarray]  # Booleans per unit by group name.


def path(initial: float, target: float, progress: float) -> float:
  """What the network may cost at `progress` (0 to 1) of the search."""
  return initial + (target - initial) * min(progress / _ARRIVAL, 1.0)


def left(
  factors: Mapping[str, np.ndarray], penalty: Mapping[str, float], living: Living, price: Callable[[Living], float], goal: float
) -> Living:
  """Which units are left when as few go, in their order, as the goal needs; of equal ones the first goes first.

  Args:
    factors: raw factors by group name.
    penalty: of one unit, per group.
    living: what is alive; the rest stays dead.
    price: of the network with these units; not higher with fewer.
    goal: highest price; where the network without any unit costs more, all go.
  """
  units = np.concatenate(list(living.values()))
  order = np.argsort(np.concatenate([np.abs(factors[name]) / penalty[name] for name in living]), kind='stable')
  order = order[units[order]]
  ends = np.cumsum([each.size for each in living.values()])[:-1]

  def without(count: int) -> Living:
    kept = units.copy()
    kept[order[:count]] = False
    return dict(zip(living, np.split(kept, ends), strict=True))

  return without(bisect.bisect_left(range(order.size), True, key=lambda count: price(without(count)) <= goal))

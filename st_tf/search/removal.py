"""Which units go so that the network costs no more than it may, in MACs or in milliseconds.

What it may cost falls linearly from the supernet's cost to the target. At each look the units with the smallest |factor| for their
penalty go until the network is on that path: those that a penalty of constant strength would bring to zero next.
"""

from collections.abc import Mapping

import numpy as np

_ARRIVAL = 0.9  # The path reaches the target at this fraction of the search, so that the rest can hold it.


def path(initial: float, target: float, progress: float) -> float:
  """What the network may cost at `progress` (0 to 1) of the search."""
  return initial + (target - initial) * min(progress / _ARRIVAL, 1.0)


def left(
  factors: Mapping[str, np.ndarray],
  penalty: Mapping[str, float],
  prices: Mapping[str, float],
  living: Mapping[str, np.ndarray],
  excess: float,
) -> dict[str, np.ndarray]:
  """Which units are left, as booleans by group name: as few go as that order allows, of equal ones the first.

  Args:
    factors: raw factors by group name.
    penalty: of one unit, per group.
    prices: of one unit, per group.
    living: booleans per unit by group name; what is dead stays so and saves nothing.
    excess: how much less the network shall cost; where all units do not suffice, all go.
  """
  if excess <= 0:
    return dict(living)
  units = np.concatenate(list(living.values()))
  distances = np.concatenate([np.abs(factors[name]) / penalty[name] for name in living])
  savings = np.concatenate([np.full(each.size, prices[name]) for name, each in living.items()])
  order = np.argsort(distances, kind='stable')
  order = order[units[order]]
  enough = np.flatnonzero(np.cumsum(savings[order]) >= excess)
  units[order[: enough[0] + 1 if enough.size else None]] = False
  ends = np.cumsum([each.size for each in living.values()])[:-1]
  return dict(zip(living, np.split(units, ends), strict=True))

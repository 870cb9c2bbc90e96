"""Sparsity rises by the same amount at each event."""

import math

from st_tf.pruning.schedules._schedule import RegrowthSchedule


class Stepwise(RegrowthSchedule):
  """The k-th event prunes to min(k * increment, target) (SuperTickets, ECCV 2022, section 3: progressive pruning).

  `increment` is 0.1 as in the paper, or larger where the events are too few to reach the target.
  """

  def sparsity_at(self, step: int) -> float:
    """The sparsity an event at `step` ranks to."""
    events = math.ceil((self.end_step - self.begin_step) / self.frequency) + 1
    count = math.ceil((step - self.begin_step) / self.frequency) + 1
    return min(count * max(0.1, self.target_sparsity / events), self.target_sparsity)


SCHEDULE = Stepwise

"""Everything is pruned at the last event."""

from st_tf.pruning.schedules._schedule import RegrowthSchedule


class OneShot(RegrowthSchedule):
  """Nothing until the last step, then the target at once."""

  def sparsity_at(self, step: int) -> float:
    """The sparsity an event at `step` ranks to."""
    return self.target_sparsity if step >= self.end_step else 0.0


SCHEDULE = OneShot

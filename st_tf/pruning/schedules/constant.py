"""The target sparsity holds from the first event on."""

from st_tf.pruning.schedules._schedule import RegrowthSchedule


class Constant(RegrowthSchedule):
  """The target from the first event on."""

  def sparsity_at(self, step: int) -> float:
    """The sparsity an event at `step` ranks to."""
    return self.target_sparsity


SCHEDULE = Constant

"""Sparsity rises steeply, then flattens out."""

from st_tf.pruning.schedules._schedule import RegrowthSchedule


class Cubic(RegrowthSchedule):
  """s(t) = target * (1 - (1 - progress)^3) (Zhu and Gupta, 2017, section 3)."""

  def sparsity_at(self, step: int) -> float:
    """The sparsity an event at `step` ranks to."""
    return self.target_sparsity * (1 - (1 - self._progress(step)) ** 3)


SCHEDULE = Cubic

"""Compressed and decompressed in turns; a part of one method, and so no choice of `--pruning_schedule`."""

from st_tf.pruning.schedules._schedule import RegrowthSchedule


class Alternating(RegrowthSchedule):
  """The target and nothing in turns, the target at the first event and at the last, before which nothing lasts for two intervals."""

  def is_event(self, step: int) -> bool:
    """Whether the sparsity changes at `step`."""
    return super().is_event(step) and step != self.end_step - self.frequency

  def sparsity_at(self, step: int) -> float:
    """The sparsity from `step` on."""
    if step >= self.end_step:
      return self.target_sparsity
    is_dense = step >= self.end_step - 2 * self.frequency or (step - self.begin_step) // self.frequency % 2
    return 0.0 if is_dense else self.target_sparsity


SCHEDULE = Alternating

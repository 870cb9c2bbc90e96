"""What the schedules are: tfmot pruning schedules that also say until when pruned weights may come back.

A schedule answers `schedule(step) -> (whether to rank now, sparsity)`, which is all the trainer asks; one of tfmot's
own works as well.
"""

import numbers
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_model_optimization.python.core.sparsity.keras import pruning_schedule

from st_tf.errors import UserError

Window = tuple[int, int]


class RegrowthSchedule(pruning_schedule.PruningSchedule):
  """Ranks every `frequency` steps from `begin_step` to `end_step`, both included.

  Attributes:
    target_sparsity: what is reached at the last event.
    begin_step: first event.
    end_step: last event.
    frequency: steps between events.
    reactivation: (first step, last step) windows in which a ranking may bring pruned weights back; none = never.
  """

  def __init__(
    self, target_sparsity: float, begin_step: int, end_step: int, frequency: int, reactivation: tuple[Window, ...] | None = None
  ):
    if isinstance(target_sparsity, bool) or not isinstance(target_sparsity, numbers.Real) or not 0 <= target_sparsity < 1:
      raise UserError(f'Sparsity lies in [0, 1). Received: {target_sparsity!r}. 0.9 removes nine weights of ten.')
    steps = {'begin_step': begin_step, 'end_step': end_step, 'frequency': frequency}
    for name, value in steps.items():
      if isinstance(value, bool) or not isinstance(value, numbers.Real) or value != value // 1:
        raise UserError(f'Steps are whole numbers. Received: {name}={value!r}. Round it: steps are epochs times batches, and not epochs.')
    if not 0 <= begin_step <= end_step or frequency < 1:
      raise UserError(
        f'0 <= begin_step <= end_step and frequency >= 1. Received: {begin_step}, {end_step}, {frequency}. Take for example 100, 2000, 50.'
      )
    self.target_sparsity = float(target_sparsity)
    self.begin_step, self.end_step, self.frequency = int(begin_step), int(end_step), int(frequency)
    self.reactivation = ((self.begin_step, self.end_step),) if reactivation is None else _windows(reactivation)

  def sparsity_at(self, step: int) -> float:
    """The sparsity an event at `step` ranks to."""
    raise NotImplementedError

  def is_event(self, step: int) -> bool:
    """Whether there is a ranking at `step`."""
    return self.begin_step <= step <= self.end_step and ((step - self.begin_step) % self.frequency == 0 or step == self.end_step)

  def next_event(self, step: int) -> int:
    """The first event after `step`, or the last of all when there is none."""
    if step < self.begin_step:
      return self.begin_step
    return min(step + self.frequency - (step - self.begin_step) % self.frequency, self.end_step)

  def may_return(self, step: int) -> bool:
    """Whether a ranking at `step` may bring pruned weights back."""
    return any(first <= step <= last for first, last in self.reactivation)

  def __call__(self, step) -> tuple[tf.Tensor, tf.Tensor]:
    """(whether to rank, sparsity) at `step`, as tfmot's wrappers ask it; also inside a graph."""
    if (tf.is_tensor(step) and not hasattr(step, 'numpy')) or (isinstance(step, tf.Variable) and not tf.executing_eagerly()):
      event, sparsity = tf.numpy_function(self._answer, [step], (tf.bool, tf.float32))
      event.set_shape([])
      sparsity.set_shape([])
      return event, sparsity
    event, sparsity = self._answer(step)
    return tf.constant(event), tf.constant(sparsity)

  def get_config(self) -> dict:
    """Class name and constructor arguments, in the form of tfmot's own schedules."""
    names = ('target_sparsity', 'begin_step', 'end_step', 'frequency', 'reactivation')
    return {'class_name': type(self).__name__, 'config': {name: getattr(self, name) for name in names}}

  def _answer(self, step):
    step = int(step)
    return np.bool_(self.is_event(step)), np.float32(self.sparsity_at(step) if step >= self.begin_step else 0.0)

  def _progress(self, step: int) -> float:
    length = self.end_step - self.begin_step
    return min(max((step - self.begin_step) / length, 0.0), 1.0) if length else 1.0


def _windows(reactivation: Any) -> tuple[Window, ...]:
  try:
    return tuple((int(first), int(last)) for first, last in reactivation)
  except (TypeError, ValueError) as error:
    raise UserError(
      f'reactivation has windows, (first step, last step) each. Received: {reactivation!r}. Take ((0, 1000),), or () for no way back.'
    ) from error

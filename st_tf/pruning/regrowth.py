"""Pruning with regrowth in an ordinary `fit`."""

from collections.abc import Callable, Iterator
import functools
import numbers
from typing import Any
import warnings

import numpy as np
import tensorflow as tf
from tensorflow_model_optimization.python.core.sparsity.keras import pruning_wrapper
import tf_keras as keras

from st_tf.config.groups import RANKINGS
from st_tf.errors import did_you_mean
from st_tf.pruning.fit import apply_ranking, is_closed, is_last, macs_per_weight, magnitudes, may_return, ranked
from st_tf.pruning.remembering import UNDRIVEN, Drive, PruningError, RememberingPruning
from st_tf.pruning.wrapper import current_mask


class Regrowth(keras.callbacks.Callback):
  """Ranks when the schedule says so, for a model from `wrap`.

  The step, masks and dense weights are variables of the model: a model that is saved, or whose weights are put back, has the schedule
  where it was. A `fit` that ends before its schedule does ranks once more at the sparsity that it has; a further one goes on.

  Args:
    ranking: 'global', 'macs', 'lamp', 'layer' or 'erk'; see `rank`.
    floor: smallest fraction of its weights a layer keeps.

  Raises:
    PruningError: no such ranking, or no such floor.
  """

  def __init__(self, ranking: str = 'erk', floor: float = 0.01):
    super().__init__()
    if not isinstance(ranking, str) or ranking not in RANKINGS:
      raise PruningError(f'A ranking is one of {", ".join(RANKINGS)}. Received: {ranking!r}.{did_you_mean(str(ranking), RANKINGS)}')
    if isinstance(floor, bool) or not isinstance(floor, numbers.Real) or not 0 <= floor < 1:
      raise PruningError(f'A floor is the fraction of its weights that a layer keeps, in [0, 1). Received: {floor!r}. Take 0.01.')
    self.ranking = ranking
    self.floor = float(floor)
    self._drive: Drive | None = None
    self._told: int | None = None  # The step at which it was said that the schedule goes on.
    self._reached = (0, 0.0)  # Steps and sparsity, of which the model's own may be averaged.

  def on_train_begin(self, logs: dict | None = None) -> None:
    """Finds the wrappers, and looks ahead to what the schedule will ask for.

    Raises:
      PruningError: the model has none, or takes several steps between two calls of its callbacks.
      RankingError: the target cannot be reached with these floors, or a weight has no price in MACs.
      SpecError: MACs are ranked by, and the model has no fixed image size.
    """
    every = pruning_wrapper.collect_prunable_layers(self.model)
    wrappers = [layer for layer in every if isinstance(layer, RememberingPruning)]
    if not wrappers or len(wrappers) < len(every):
      received = 'pruning wrappers of another kind' if every else 'a model without pruning wrappers'
      raise PruningError(f'Regrowth needs a model from st_tf.pruning.wrap. Received: {received}. Give the model without any to wrap.')
    self._check_steps()
    self._drive = Drive(wrappers)
    self._drive.end()
    if self.ranking == 'macs':
      macs_per_weight(self.model)
    ranked(self.model, magnitudes(self.model), _target(self._schedule), self.ranking, self.floor)
    if self._drive.step and not _is_closed_after(self._schedule, self._drive.step - 1):
      for wrapper in wrappers:
        wrapper.open.assign(0.0 if wrapper.reactivation == 'masked' else 1.0)
    if self.model.train_function is not None:
      if self.model.optimizer is not None and not self.model.optimizer.iterations.numpy():
        self.model.train_function = None  # It may have been refused while it was traced, and is no good then.
      self.model.train_function = _Step(self.model.make_train_function(), self._drive)
    self._told, self._reached = None, (self._drive.step, current_mask(self.model).sparsity)
    last = _last_of_fit(self.model)
    if last is not None:
      last.on_train_end = functools.partial(self._at_last, last)

  def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
    """Asks the schedule, ranks, and begins a step.

    Raises:
      PruningError: the step before has not ended.
    """
    if self._drive is None:
      raise PruningError('A training begins before its first step. Received: on_train_batch_begin alone. Call on_train_begin first.')
    if self._drive.is_on:
      raise PruningError(
        'A step ends before the next begins. Received: a second beginning. Give one Regrowth to fit, and not two; in a loop of your own'
        ' call on_train_batch_end after each step.'
      )
    step = self._drive.step
    due, sparsity = self._schedule(step)
    if bool(due):
      self._rank(float(sparsity), may_return(self._schedule, step), _is_closed_after(self._schedule, step))
    if is_last(self._schedule, step):
      self._close(step)
    self._reached = (step + 1, self._reached[1])
    self._drive.begin()

  def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
    """Ends a step, where the model's own has not."""
    if self._drive.is_on:
      self._drive.end(1)

  def on_train_end(self, logs: dict | None = None) -> None:
    """Makes the sparsity exact where the schedule has not ended, and says so; `fit` calls it again once others have put weights back."""
    self._part()
    self._drive.end()
    self._close(self._drive.step)
    step, end = self._drive.step, getattr(self._schedule, 'end_step', -1)
    if step <= end and step != self._told:
      self._told = step
      warnings.warn(
        f'Training has ended after {step} steps, and the schedule goes on to step {end}: the sparsity is'
        f' {current_mask(self.model).sparsity:.4f}, and not {_target(self._schedule)}. A further fit with Regrowth goes on.',
        UserWarning,
        stacklevel=2,
      )

  def _at_last(self, last: keras.callbacks.History, logs: dict | None = None) -> None:
    del last.on_train_end  # It is handed to the caller of `fit`, who may want to store it.
    self.on_train_end(logs)

  @property
  def _schedule(self) -> Any:
    return self._drive.wrappers[0].pruning_schedule

  def _check_steps(self) -> None:
    together = self.model._steps_per_execution
    count = 1 if together is None else int(together.numpy())
    if count > 1 or getattr(self.model, 'autotune_steps_per_execution', False):
      received = count if count > 1 else "'auto'"
      raise PruningError(f'Regrowth counts single steps. Received: compile(steps_per_execution={received}). Leave it at 1.')

  def _close(self, step: int) -> None:
    """Makes the sparsity exact, where weights may still come back; past the schedule's last event there is nothing else to remember."""
    if any(wrapper.open.numpy() for wrapper in self._drive.wrappers):
      self._rank(current_mask(self.model).sparsity, returning=True, closed=True)
    if is_last(self._schedule, step):
      for wrapper in self._drive.wrappers:
        wrapper.forget()

  def _part(self) -> None:
    """Ranks anew where masks are between 0 and 1: a callback has averaged all of the model's variables, and with them no weight is zero."""
    wrappers = self._drive.wrappers
    if all(np.isin(mask.numpy(), (0, 1)).all() for wrapper in wrappers for _, mask, _ in wrapper.pruning_vars):
      return
    for wrapper in wrappers:
      for _, mask, _ in wrapper.pruning_vars:
        mask.assign(tf.ones_like(mask))
      wrapper.forget()
      wrapper.pruning_step.assign(self._reached[0])
    self._rank(self._reached[1], returning=True, closed=True)

  def _rank(self, sparsity: float, returning: bool, closed: bool) -> None:
    self._drive.end()
    self._reached = (self._reached[0], sparsity)
    apply_ranking(self.model, sparsity, self.ranking, self.floor, returning=returning, closed=closed)
    for wrapper in self._drive.wrappers:
      wrapper.show()


class _Step:
  """A model's train function, after which the wrappers have followed the weights before any other callback looks at them.

  It stays the model's train function until the model is compiled again, and refuses to run without a callback.
  """

  def __init__(self, function: Callable[[Iterator], Any], drive: Drive):
    self._function = function._function if isinstance(function, _Step) else function
    self._drive = drive

  def __call__(self, iterator: Iterator) -> Any:
    if not self._drive.is_on:
      raise PruningError(UNDRIVEN)
    steps = 0
    try:
      logs = self._function(iterator)
      steps = 1
      return logs
    finally:  # Also where the data have ended, or somebody interrupts.
      self._drive.end(steps)


def _last_of_fit(model: keras.Model) -> keras.callbacks.History | None:
  """The callback that `fit` adds behind those it is given, of which none looks at weights after it; None in other loops."""
  history = getattr(model, 'history', None)
  return history if isinstance(history, keras.callbacks.History) and not hasattr(history, 'epoch') else None


def _is_closed_after(schedule: Any, step: int) -> bool:
  return is_closed(schedule, step) or is_last(schedule, step)


def _target(schedule: Any) -> float:
  """The sparsity that a schedule ends with; 0 under one that does not say."""
  return float(getattr(schedule, 'target_sparsity', getattr(schedule, 'final_sparsity', 0.0)))

"""tf_keras optimizers by name, and their slots by variable name."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from st_tf.config import TrainingConfig

Slots = dict[str, dict[str, np.ndarray]]
SQUARES = '_velocities'  # The slot in which tf_keras' RMSprop and Adam average squared gradients.
_EPSILONS = {'rmsprop': 1e-3, 'adam': 1e-7, 'adamw': 1e-7}  # Where the settings name none.


class _FusedSGD(keras.optimizers.SGD):
  """Momentum in one operation per variable, of the same arithmetic, instead of sixteen: a training step is built sooner."""

  def apply_gradients(self, grads_and_vars: Iterable[tuple[tf.Tensor, tf.Variable]], **kwargs: Any) -> tf.Variable:
    """As tf_keras; reads the rate once, not with each variable."""
    self._settings = (tf.convert_to_tensor(self.learning_rate), tf.convert_to_tensor(self.momentum))
    return super().apply_gradients(grads_and_vars, **kwargs)

  def update_step(self, gradient: tf.Tensor, variable: tf.Variable) -> None:
    """One variable's step; its slot as tf_keras keeps it."""
    velocity = self.momentums[self._index_dict[self._var_key(variable)]]
    rate, momentum = (tf.cast(value, variable.dtype) for value in self._settings)
    tf.raw_ops.ResourceApplyKerasMomentum(
      var=variable.handle, accum=velocity.handle, lr=rate, grad=gradient, momentum=momentum, use_nesterov=self.nesterov
    )


def build(config: TrainingConfig, variables: Mapping[str, tf.Variable], decayed: Sequence[str]) -> keras.optimizers.Optimizer:
  """The optimizer, its slots created.

  Args:
    config: which one, and its settings.
    variables: what it trains, by name.
    decayed: names of the kernels that weight decay acts on; only AdamW decays by itself.
  """
  rate, epsilon = config.learning_rate, config.optimizer_epsilon or _EPSILONS.get(config.optimizer)
  if config.optimizer == 'sgd':
    optimizer = _FusedSGD(rate, config.momentum, nesterov=config.momentum > 0, jit_compile=False)
  elif config.optimizer == 'rmsprop':
    optimizer = keras.optimizers.RMSprop(rate, rho=0.9, momentum=config.momentum, epsilon=epsilon, jit_compile=False)
  elif config.optimizer == 'adam':
    # Adaptive: the epsilon of the paper's Algorithm 1 and of PyTorch, for which recipes give theirs.
    optimizer = keras.optimizers.Adam(rate, epsilon=epsilon, adaptive_epsilon=True, jit_compile=False)
  else:
    optimizer = keras.optimizers.AdamW(rate, weight_decay=config.weight_decay, epsilon=epsilon, jit_compile=False)
    optimizer.exclude_from_weight_decay([variable for name, variable in variables.items() if name not in decayed])
  with tf.variable_creator_scope(lambda create, **how: create(**how | {'name': 'slot'})):  # Each name of its own takes thrice as long.
    optimizer.build(list(variables.values()))
  return optimizer


def slots(optimizer: keras.optimizers.Optimizer, variables: Mapping[str, tf.Variable]) -> Slots:
  """The optimizer's memory: {slot: {variable name: array}}."""
  names = list(variables)
  return {slot: {name: value.numpy() for name, value in zip(names, values)} for slot, values in _lists(optimizer, variables).items()}


def set_slots(optimizer: keras.optimizers.Optimizer, variables: Mapping[str, tf.Variable], values: Slots, step: int) -> None:
  """Puts back what `slots` returned, and the number of steps taken."""
  for slot, targets in _lists(optimizer, variables).items():
    for name, target in zip(variables, targets):
      target.assign(values[slot][name])
  optimizer.iterations.assign(step)


def _lists(optimizer, variables: Mapping[str, tf.Variable]) -> dict[str, list[tf.Variable]]:
  """tf_keras keeps each kind of slot as a list in the order of the variables."""
  shapes = [variable.shape for variable in variables.values()]
  lists = {}
  for name, value in vars(optimizer).items():
    if isinstance(value, (list, tuple)) and len(value) == len(shapes) and all(isinstance(slot, tf.Variable) for slot in value):
      if [slot.shape for slot in value] == shapes:
        lists[name] = list(value)
  return lists

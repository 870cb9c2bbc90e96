"""Averaged weights, and batch-norm statistics recomputed for them."""

from collections.abc import Iterable, Iterator, Mapping
import contextlib
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from st_tf.config import Config

_REFERENCE_BATCH = 4096  # The decay is stated per batch of this size (SuperTickets, ECCV 2022, reference code).


def decay_at(step: int, decay: float, batch_size: int) -> float:
  """The share of the old average kept at training step `step`: decay^(batch / 4096), at most (1 + t) / (10 + t)."""
  return min(decay ** (batch_size / _REFERENCE_BATCH), (1 + step) / (10 + step))


def share_kept(step: int, config: Config, pruned: bool, final: bool) -> float:
  """Share of the old averages kept by a training step.

  Until the mask is final the averages follow soft-thresholded weights exactly. Averages lie closer to zero than the weights, so that a
  threshold ranked from them leaves the trained network denser than asked: measured on `shapes`, 16% instead of 13.5%, and the averages'
  accuracy fell from 52% to 29%.

  Args:
    step: training steps taken.
    config: the run's settings.
    pruned: whether there are pruning wrappers.
    final: whether the mask stays as it is from now on.
  """
  follows = pruned and not final and config.pruning.reactivation == 'soft_threshold'
  return 0.0 if follows else decay_at(step, config.training.ema_decay, config.batch_size)


class Averages:
  """An exponential moving average of every floating-point variable, batch-norm statistics included.

  All are parts of one long vector: the time to build a training step goes with the number of its operations.
  """

  def __init__(self, variables: Mapping[str, tf.Variable]):
    """Starts at the variables' values; to be called in the strategy's scope."""
    self.variables = {name: variable for name, variable in variables.items() if variable.dtype.is_floating}
    self._ends = np.cumsum([np.prod(variable.shape, dtype=int) for variable in self.variables.values()])
    self._shadow = tf.Variable(self._joined(self.variables), trainable=False)

  def update(self, decay: tf.Tensor) -> None:
    """average <- decay * average + (1 - decay) * variable (cross-replica context)."""
    flat = tf.constant([-1])  # Once, not with each of thousands of variables.
    values = (tf.convert_to_tensor(variable) for variable in self.variables.values())
    new = tf.concat([value if value.shape.rank == 1 else tf.reshape(value, flat) for value in values], 0)
    update = tf.distribute.get_strategy().extended.update
    update(self._shadow, lambda shadow, new: shadow.assign(decay * shadow + (1.0 - decay) * new), args=(new,))

  def values(self) -> dict[str, np.ndarray]:
    """The averages by name."""
    parts = np.split(self._shadow.numpy(), self._ends[:-1])
    return {name: part.reshape(variable.shape) for (name, variable), part in zip(self.variables.items(), parts)}

  def assign(self, values: Mapping[str, np.ndarray]) -> None:
    """Sets averages by name; those of other names stay."""
    current = self.values()
    self._shadow.assign(self._joined(current | {name: values[name] for name in current if name in values}))

  def _joined(self, values: Mapping[str, Any]) -> np.ndarray:
    return np.concatenate([np.reshape(values[name], variable.shape).ravel() for name, variable in self.variables.items()])


@contextlib.contextmanager
def swapped(variables: Mapping[str, tf.Variable], values: Mapping[str, np.ndarray]) -> Iterator[None]:
  """Gives `variables` other values for a while; afterwards every one of them is, bit for bit, what it was."""
  before = {name: variable.numpy() for name, variable in variables.items()}
  try:
    for name, value in values.items():
      variables[name].assign(value)
    yield
  finally:
    for name, variable in variables.items():
      variable.assign(before[name])


class Recalibration:
  """Replaces batch-norm statistics by the mean of the statistics of a few batches.

  Keras bakes the momentum into the trace. So the moving statistics are set to zero before each batch, after which they
  are (1 - momentum) times that batch's.
  """

  def __init__(self, model: keras.Model):
    """For the batch norms of `model` that are trained; to be called in the strategy's scope."""
    self._model = model
    self._strategy = tf.distribute.get_strategy()
    self._statistics = []
    for layer in model.layers:
      if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
        self._statistics += [(layer.moving_mean, layer.momentum), (layer.moving_variance, layer.momentum)]
    self._ends = np.cumsum([np.prod(variable.shape, dtype=int) for variable, _ in self._statistics], dtype=int)
    self._sums = tf.Variable(tf.zeros(self._ends[-1:].sum()), trainable=False)  # Of all, one after the other.
    self._accumulate = tf.function(self._one_batch, reduce_retracing=True, autograph=False)

  def run(self, batches: Iterable[tf.Tensor]) -> None:
    """Sets the statistics from `batches` of images; without a batch they stay."""
    self._sums.assign(tf.zeros_like(self._sums))
    count = 0
    for images in batches:
      with self._strategy.scope():
        self._accumulate(images)
      count += 1
    if count:
      for mean, (variable, _) in zip(np.split(self._sums.numpy() / np.float32(count), self._ends), self._statistics):
        variable.assign(mean.reshape(variable.shape))

  def _one_batch(self, images) -> None:
    for variable, _ in self._statistics:
      variable.assign(tf.zeros(variable.shape))
    self._strategy.run(lambda batch: self._model(batch, training=True), args=(images,))
    if self._statistics:
      parts = [tf.reshape(variable, [-1]) / (1.0 - momentum) for variable, momentum in self._statistics]
      self._sums.assign_add(tf.concat(parts, 0))

"""One training step as one traced function: gradients, optimizer, factors, frozen weights, averages."""

from collections.abc import Callable, Iterator, Mapping
import contextlib

import numpy as np
import tensorflow as tf
import tf_keras as keras

from st_tf.config import Config
from st_tf.pruning.wrapper import wrappers
from st_tf.task import Task
from st_tf.training import half, int8, replicas
from st_tf.training.averaging import Averages
from st_tf.training.teacher import Teacher, distillation

_KERNELS = ('kernel', 'depthwise_kernel')


def decayed(variables: Mapping[str, tf.Variable]) -> list[str]:
  """Names of the variables that weight decay acts on: convolution and dense kernels."""
  return [name for name in variables if name.rsplit('/', 1)[-1] in _KERNELS]


class TrainingStep:
  """Trains one model; a new one is made after each shrink.

  Args:
    model: what to train.
    trainable: its variables that are trained, by name.
    optimizer: built for them.
    averages: updated after each step; None = none.
    task: gives the loss.
    config: the run's settings.
    penalties: (factors, penalty of each, or of each unit) by group name.
    on_trace: called once per trace.
    teacher: whose outputs are learned from too; None = no one's.
  """

  def __init__(
    self,
    model: keras.Model,
    trainable: Mapping[str, tf.Variable],
    optimizer: keras.optimizers.Optimizer,
    averages: Averages | None,
    task: Task,
    config: Config,
    penalties: Mapping[str, tuple[tf.Variable, float | np.ndarray]],
    on_trace: Callable[[], None],
    teacher: Teacher | None = None,
  ):
    self._model = model
    self._optimizer = optimizer
    self._averages = averages
    self._task = task
    self._config = config
    self._penalties = penalties
    self._on_trace = on_trace
    self._teacher = teacher
    self._strategy = tf.distribute.get_strategy()
    self._trainable = dict(trainable)
    self._decayed = set(decayed(self._trainable)) if config.training.optimizer != 'adamw' else set()
    self._function = tf.function(self._step, autograph=False)
    self._passes = tf.function(self._both_passes, autograph=False, jit_compile=True) if config.training.xla else self._both_passes

  def __call__(
    self, images, targets, learning_rate: float, strength: float, average_decay: float, quantized: bool = False
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """(mean loss of the batch, outputs of its examples) of one step, which a GPU may not have ended yet.

    Args:
      images: [batch, height, width, 3], or one such tensor per replica.
      targets: likewise.
      learning_rate: of this step.
      strength: of the penalty on the factors.
      average_decay: share of the old averages kept.
      quantized: whether weights and activations are rounded as int8 files have them.
    """
    self._optimizer.learning_rate.assign(learning_rate)
    scalars = (tf.constant(value, tf.float32) for value in (learning_rate, strength, average_decay))
    with self._strategy.scope(), as_written():
      loss, outputs = self._function(images, targets, *scalars, quantized)
    return loss, outputs

  def _step(self, images, targets, learning_rate, strength, average_decay, quantized):
    self._on_trace()
    pruned = wrappers(self._model)
    before = [[tf.convert_to_tensor(weight) for weight, _, _ in wrapper.pruning_vars] for wrapper in pruned]
    search = self._config.search
    begun = [tf.identity(factors) for factors, _ in self._penalties.values()] if search.factor_rate != 1 else []
    # Around all replicas: where batch norms wait for each other, one replica is suspended inside its call of the model.
    with int8.rounded(self._model) if quantized else contextlib.nullcontext():
      losses, outputs = self._strategy.run(self._replica_step, args=(images, targets, strength, quantized))
    for wrapper, values in zip(pruned, before):
      wrapper.settle(values)
    if begun:
      self._lengthen(begun, search.factor_rate)
    if search.factor_step == 'proximal':
      self._shrink_factors(learning_rate * strength * search.factor_rate if begun else learning_rate * strength)
    if self._averages is not None:
      self._averages.update(average_decay)
    return self._strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None), outputs

  def _both_passes(self, images, targets, quantized):
    """(loss, outputs, gradients of `half.scaled`); `quantized` tells traces apart."""
    precision = self._config.training.precision
    with tf.GradientTape() as tape:
      outputs = self._model(images, training=True)
      loss = tf.reduce_sum(self._losses(images, targets, outputs)) / self._config.batch_size
      whole = half.scaled(loss, precision)
    gradients = tape.gradient(whole, list(self._trainable.values()), unconnected_gradients='zero')
    return loss, outputs, gradients

  def _replica_step(self, images, targets, strength, quantized):
    training = self._config.training
    variables = list(self._trainable.values())
    loss, outputs, gradients = self._passes(images, targets, quantized)
    if self._strategy.num_replicas_in_sync > 1:
      gradients = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, gradients)
    gradients = dict(zip(self._trainable, half.unscaled(gradients, training.precision)))
    decay = tf.constant(training.weight_decay, tf.float32)
    for name in self._decayed:
      gradients[name] += decay * self._trainable[name]
    if self._config.search.factor_step == 'subgradient':
      self._add_subgradients(gradients, strength)
    values = list(gradients.values())
    if training.gradient_clip:
      values, _ = tf.clip_by_global_norm(values, training.gradient_clip)
    self._optimizer.apply_gradients(zip(values, variables), skip_gradients_aggregation=True)
    return loss, outputs

  def _losses(self, images, targets, outputs):
    """[batch]."""
    training, task = self._config.training, self._task
    losses = task.loss(targets, outputs, training.label_smoothing)
    if self._teacher is None:
      return losses
    taught = self._teacher(images, task.normalisation)
    apart = distillation(task.semantics['kind'], outputs, taught, training.teacher_temperature)
    return (1 - training.teacher_share) * losses + training.teacher_share * apart

  def _add_subgradients(self, gradients, strength):
    names = {id(variable): name for name, variable in self._trainable.items()}
    for factors, penalty in self._penalties.values():
      gradients[names[id(factors)]] += strength * penalty * tf.sign(factors)

  def _shrink_factors(self, push):
    """The proximal step of the L1 penalty: it makes factors exactly zero, whatever the optimizer."""
    if not self._penalties:
      return
    penalties = [np.broadcast_to(penalty, factors.shape) for factors, penalty in self._penalties.values()]
    # [units] of all groups: one step, not hundreds.
    value = tf.concat([tf.convert_to_tensor(factors) for factors, _ in self._penalties.values()], 0)
    shrunk = tf.sign(value) * tf.nn.relu(tf.abs(value) - push * tf.constant(np.concatenate(penalties), tf.float32))
    for (factors, _), new in zip(self._penalties.values(), tf.split(shrunk, [len(penalty) for penalty in penalties])):
      self._assign(factors, new)

  def _lengthen(self, begun, rate):
    """Multiplies the step that the optimizer has taken with each group's factors, from `begun`."""
    for (factors, _), before in zip(self._penalties.values(), begun):
      value = before + rate * (tf.convert_to_tensor(factors) - before)
      self._assign(factors, factors.constraint(value) if factors.constraint else value)

  def _assign(self, factors, value):
    self._strategy.extended.update(factors, lambda variable, new: variable.assign(new), args=(value,))


@contextlib.contextmanager
def as_written() -> Iterator[None]:
  """Within it functions run without TensorFlow's graph optimizer, on processors.

  It rewrites what is done once, before the first step; of a supernet's training that takes longer than many steps, and they are as fast
  without it (docs/train_step.md). What it does for GPUs was not measured.
  """
  if replicas.has_gpu():
    yield
    return
  optimizer, name = tf.config.optimizer, 'disable_meta_optimizer'
  before = optimizer.get_experimental_options().get(name, False)
  optimizer.set_experimental_options({name: True})
  try:
    yield
  finally:
    optimizer.set_experimental_options({name: before})

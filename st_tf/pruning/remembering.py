"""The wrapper of other people's trainings: what its layer computes with is the layer's weight, at any time.

In a run the layer's weight is the dense one, and the run knows when to make it what the layer computes with. Elsewhere anybody looks at
weights at any time: callbacks save them and put them back, optimizers decay them, regularizers punish them, and tfmot's `strip_pruning`
takes the layer out of its wrapper. So here the layer's weight is the effective one, and a variable beside it remembers the dense one, from
which rankings are made. A step moves the weight; `absorb` moves the dense one by as much, and makes the weight what it says then.

How many steps there were is a variable too, as in tfmot, so that whatever saves a model saves where its schedule is.
"""

from collections.abc import Sequence
import functools
from typing import Any

import tensorflow as tf
import tf_keras as keras
from tf_keras.src.engine.base_layer_utils import call_context

from st_tf.errors import UserError
from st_tf.pruning.kinds import make_prunable
from st_tf.pruning.reactivation import BOUND
from st_tf.pruning.wrapper import RegrowthPruning

UNDRIVEN = (
  'A wrapped model is trained under the callback Regrowth, which ranks its weights. Received: a training step without it. Give'
  ' callbacks=[st_tf.pruning.Regrowth()] to fit; around each step of a loop of your own, or of train_on_batch, call its'
  ' on_train_batch_begin and on_train_batch_end (on_train_begin comes first); or train what strip_pruning returns.'
)


class PruningError(UserError):
  """A model, an option or a training that pruning cannot follow."""


class _NothingLeft:
  """What tfmot's own callback asks to mask weights, which are masked."""

  def weight_mask_op(self) -> tf.Operation:
    return tf.no_op()


@keras.saving.register_keras_serializable('st_tf')
class RememberingPruning(RegrowthPruning):
  """Wraps one layer with prunable weights under the layer's own name; see `RegrowthPruning` for its arguments."""

  def __init__(self, layer: keras.layers.Layer, pruning_schedule: Any, *args: Any, **kwargs: Any):
    make_prunable(layer)
    super().__init__(layer, pruning_schedule, *args, **({'dtype': layer.dtype_policy} | kwargs))
    self._name = layer.name  # Names of outputs are those of layers.
    self.supports_masking = layer.supports_masking
    self._activity_regularizer = layer.activity_regularizer  # Keras asks the layer that is called for it, and that is this one.
    self.is_driven = False

  def build(self, input_shape: tf.TensorShape) -> None:
    """Creates, for each prunable weight, the dense one, mask, threshold and scale; and what the training remembers."""
    keras.layers.Wrapper.build(self, input_shape)
    add = functools.partial(self.add_weight, trainable=False, experimental_autocast=False)
    self.prunable_weights = self.layer.get_prunable_weights()
    self.pruning_vars, self.scales, self.denses = [], [], []
    for index, weight in enumerate(self.prunable_weights):
      end = f'_{index}' if index else ''  # Names are told apart, or an .h5 file cannot have them.
      dtype = getattr(weight, 'true_dtype', weight.dtype)
      mask = add(f'mask{end}', weight.shape, dtype, 'ones')
      threshold, scale = add(f'threshold{end}', [], dtype, 'zeros'), add(f'scale{end}', [], dtype, 'ones')
      self.pruning_vars.append((weight, mask, threshold))
      self.scales.append(scale)
      self.denses.append(add(f'dense{end}', weight.shape, dtype, 'zeros'))
    self.open = add('open', [], tf.float32, 'zeros')
    self.driven = add('driven', [], tf.float32, 'zeros')
    self.pruning_step = add('pruning_step', [], tf.int64, 'zeros')
    self.pruning_obj = _NothingLeft()

  def call(self, inputs: tf.Tensor, training: bool | None = None, **kwargs: Any) -> tf.Tensor:
    """The layer's output; in training with the gradients that pruned weights get.

    Raises:
      ValueError: it is called in training outside of a step that somebody drives.
    """
    if not self.layer._expects_mask_arg:
      kwargs.pop('mask', None)  # Which Keras gives to every call that takes any keyword.
    static = tf.get_static_value(training) if tf.is_tensor(training) else training
    if static is None and not tf.is_tensor(training):
      static = False
    if static is None or static:
      if static and not self.is_driven and not call_context().saving:
        raise ValueError(UNDRIVEN)  # What AutoGraph hands on as it is, unlike a class of ours.
      # What was traced under the callback may be called without it.
      undriven = tf.logical_and(tf.cast(training, tf.bool), tf.equal(self.driven, 0.0))
      tf.debugging.assert_equal(undriven, False, UNDRIVEN)
      return super().call(inputs, training, **kwargs)
    if self.layer._expects_training_arg:
      kwargs['training'] = training
    return self.layer.call(inputs, **kwargs)

  def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
    """As the layer does."""
    return self.layer.compute_mask(inputs, mask)

  def dense(self, index: int) -> tf.Variable:
    """The variable with the dense weight, which is ranked."""
    return self.denses[index]

  def effective(self, index: int, straight_through: bool = False) -> tf.Tensor:
    """What the dense weight says; with `straight_through`, the layer's own weight, with the gradient that training needs."""
    if not straight_through:
      return super().effective(index)
    factor, weight = self.parts(index, tf.convert_to_tensor(self.dense(index))).factor, tf.convert_to_tensor(self.pruning_vars[index][0])
    passed = weight * tf.cast(factor, weight.dtype)
    return tf.stop_gradient(weight) + (passed - tf.stop_gradient(passed))

  def absorb(self) -> None:
    """Moves the dense weights by what has moved the layer's, and makes these what they say then (cross-replica context)."""
    is_open = tf.greater(tf.convert_to_tensor(self.open), 0.0)
    for index, (weight, mask, threshold) in enumerate(self.pruning_vars):
      value, dense, shown = tf.convert_to_tensor(weight), tf.convert_to_tensor(self.dense(index)), self.effective(index)
      kept = tf.greater(tf.convert_to_tensor(mask), 0.0)
      # Where nothing lies between the two no bit is lost.
      moved = tf.where(tf.equal(shown, dense), value, dense + (value - shown))
      moved = tf.where(tf.logical_or(kept, is_open), moved, dense)
      if self.reactivation == 'dense_gradient':
        bound = tf.where(tf.logical_or(kept, tf.logical_not(is_open)), moved.dtype.max, BOUND * tf.convert_to_tensor(threshold))
        moved = tf.clip_by_value(moved, -bound, bound)
      self.dense(index).assign(moved)
    self.show()

  def show(self) -> None:
    """Makes the layer's weights what the dense ones say."""
    for index, (weight, _, _) in enumerate(self.pruning_vars):
      weight.assign(self.effective(index))

  def forget(self) -> None:
    """Makes the dense weights what the layer computes with: under a mask that is final there is nothing else to remember."""
    for index, (weight, _, threshold) in enumerate(self.pruning_vars):
      self.dense(index).assign(tf.convert_to_tensor(weight))
      threshold.assign(0.0)
      self.scales[index].assign(1.0)


class Drive:
  """The steps of a model's wrappers, as functions traced once.

  Args:
    wrappers: of one model.
  """

  def __init__(self, wrappers: Sequence[RememberingPruning]):
    self.wrappers = wrappers
    self._begin = tf.function(self._mark, autograph=False)
    self._end = tf.function(self._settle, autograph=False)

  @property
  def step(self) -> int:
    """How many steps there were."""
    return int(self.wrappers[0].pruning_step.numpy())

  @property
  def is_on(self) -> bool:
    """Whether a step has begun and not ended."""
    return self.wrappers[0].is_driven

  def begin(self) -> None:
    """Begins a step."""
    self._say(True)
    self._begin()

  def end(self, steps: int = 0) -> None:
    """Ends a step, or lets the dense weights follow what has moved the layers' since.

    Args:
      steps: how many steps were taken.
    """
    self._end(tf.constant(steps, tf.int64))
    self._say(False)

  def _say(self, driven: bool) -> None:
    for wrapper in self.wrappers:
      wrapper.is_driven = driven

  def _mark(self) -> None:
    for wrapper in self.wrappers:
      wrapper.driven.assign(1.0)

  def _settle(self, steps: tf.Tensor) -> None:
    for wrapper in self.wrappers:
      wrapper.absorb()
      wrapper.driven.assign(0.0)
      wrapper.pruning_step.assign_add(steps)

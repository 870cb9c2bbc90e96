"""tfmot's pruning wrapper, with pruned weights that can come back.

tfmot's own wrapper overwrites pruned weights with zeros at every call and ranks each layer by itself. This one computes
an effective weight for the duration of the call and leaves the dense weight alone; rankings are made from outside.
What a pruned weight does between two rankings is the layer's `reactivation`:

- 'masked': nothing; it stays bit for bit as it is (what the SuperTickets reference does, without its accidental drift).
- 'dense_gradient': the forward pass is masked, the gradient reaches every weight, damped on the pruned ones, whose
  magnitude is bounded (SuperTickets, ECCV 2022, section 3). Undamped and unbounded it diverges at high sparsity.
- 'soft_threshold': forward with sign(w) * max(|w| - t, 0), rescaled to the kept weights' mean magnitude, and the gradient
  straight through (in the spirit of ST-3, WACV 2023): a weight that grows past t enters at zero, continuously. A batch norm divides
  by the size of the effective weights, and so multiplies gradients: a unit whose kept weights are hardly above t would get steps that
  were meant for tiny weights. With `unit_slope` its gradient is smaller by as much.

All state is in variables, so that an event never needs a new trace.
"""

from collections.abc import Callable, Iterator, Mapping
import contextlib
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_model_optimization.python.core.sparsity.keras import pruning_wrapper
import tf_keras as keras
from tf_keras.src.mixed_precision.autocast_variable import enable_auto_cast_variables

from st_tf.config import REACTIVATIONS
from st_tf.models.variables import short_name
from st_tf.pruning import schedules
from st_tf.pruning.mask import Mask
from st_tf.pruning.reactivation import Effective, Reactivation

_SCRATCH = '_scratch_graph'  # As tf_keras calls such graphs.
# A scope from the root, the same in all layers: TensorFlow prepares what creates a variable anew for each name, which takes thrice as long.
_SAME_NAMES = 'pruning/'
_TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)
_NEVER = 2**62  # A step past every schedule.
# Normally distributed weights are rescaled by so much at 99.3% sparsity. A layer of which one weight is left, hardly above the threshold,
# would be by thousands: seen on CamVid, where it made a loss infinite within 40 steps.
_LARGEST_SCALE = 10.0


@keras.saving.register_keras_serializable('st_tf')
class RegrowthPruning(pruning_wrapper.PruneLowMagnitude):
  """Wraps one layer with prunable weights.

  Args:
    layer: what to wrap.
    pruning_schedule: a tfmot schedule; asked by whoever ranks, not by the layer.
    reactivation: one of `st_tf.config.REACTIVATIONS`.
    damping: share of the gradient that pruned weights get under 'dense_gradient'.
    unit_slope: whether under 'soft_threshold' the gradient of an output unit is multiplied by the size of its effective weights over
      that of its kept ones, at most by 1.
  """

  def __init__(
    self,
    layer: keras.layers.Layer,
    pruning_schedule,
    reactivation: str = 'soft_threshold',
    damping: float = 0.1,
    unit_slope: bool = False,
    **kwargs,
  ):
    if reactivation not in REACTIVATIONS:
      raise ValueError(f'Reactivation is one of {", ".join(REACTIVATIONS)}. Received: {reactivation!r}.')
    if not 0 <= damping <= 1:
      raise ValueError(f'Damping is a share, from 0 to 1. Received: {damping!r}.')
    if isinstance(layer, keras.layers.DepthwiseConv2D):
      layer.get_prunable_weights = lambda: [layer.depthwise_kernel]
    super().__init__(layer, pruning_schedule=pruning_schedule, **kwargs)
    self.reactivation = reactivation
    self.damping = float(damping)
    self.unit_slope = unit_slope
    self.own_names = True  # Of its variables; without, an .h5 file cannot have two wrappers that lie in one layer.
    self.reading: Callable[[], tf.Tensor] | None = None  # Scales of what the layer reads, which the threshold is meant for too.

  def build(self, input_shape: tf.TensorShape) -> None:
    """Creates mask, threshold and scale of each prunable weight, and whether pruned weights may still come back.

    Raises:
      ValueError: a prunable weight is no attribute of the layer.
    """
    if not self.layer.built:
      self.layer.build(input_shape)
      self.layer.built = True
    with contextlib.nullcontext() if self.own_names else tf.name_scope(_SAME_NAMES):
      super().build(input_shape)
      for weight, _, _ in self.pruning_vars:
        self._attribute_of(weight)
      types = [getattr(weight, 'true_dtype', weight.dtype) for weight, _, _ in self.pruning_vars]
      self.scales = [self.add_weight('scale', [], dtype, initializer='ones', trainable=False) for dtype in types]
      self.open = self.add_weight('open', [], initializer='zeros', trainable=False)

  def _should_use_autograph(self) -> bool:
    """Whether Keras rewrites what is called: this class has nothing that needs it, somebody's own layer may."""
    return self.layer._should_use_autograph()

  def call(self, inputs: tf.Tensor, training: bool | None = None, **kwargs: Any) -> tf.Tensor:
    """The layer's output with its effective weights."""
    with contextlib.nullcontext() if _is_only_described() else self._effective_weights():
      if self.layer._expects_training_arg:
        kwargs['training'] = training
      return self.layer.call(inputs, **kwargs)

  @contextlib.contextmanager
  def _effective_weights(self) -> Iterator[None]:
    """Puts the effective weights in the place of the layer's attributes, past Keras' tracking of variables."""
    attributes = [self._attribute_of(weight) for weight, _, _ in self.pruning_vars]
    try:
      for index, attribute in enumerate(attributes):
        with enable_auto_cast_variables(None):  # Of float32 masks and thresholds, whatever the layer computes in.
          value = self.effective(index, straight_through=True)
        object.__setattr__(self.layer, attribute, tf.cast(value, self.layer.compute_dtype))
      yield
    finally:
      for (weight, _, _), attribute in zip(self.pruning_vars, attributes):
        object.__setattr__(self.layer, attribute, weight)

  def _attribute_of(self, weight: tf.Variable) -> str:
    for name, value in vars(self.layer).items():
      if value is weight:
        return name
    raise ValueError(f'A prunable weight is an attribute of its layer. Received: {self.layer.name}. Leave this layer unwrapped.')

  def effective(self, index: int, straight_through: bool = False) -> tf.Tensor:
    """The weight that the layer computes with; with `straight_through`, with the gradient that training needs."""
    weight = tf.convert_to_tensor(self.dense(index))
    parts = self.parts(index, weight)
    return weight * parts.factor + parts.rest if straight_through else parts.value

  def parts(self, index: int, weight: tf.Tensor) -> Effective:
    """What is computed of a prunable weight, whose dense value is given."""
    state = (self.pruning_vars[index][1], self._threshold(index), self.scales[index], self.open)
    return self._rule(index).effective(weight, *(tf.convert_to_tensor(tensor) for tensor in state))

  def dense(self, index: int) -> tf.Variable:
    """The variable with the dense weight, which is ranked."""
    return self.pruning_vars[index][0]

  def _rule(self, index: int) -> Reactivation:
    sloped = self.unit_slope and self.reactivation == 'soft_threshold'
    return Reactivation(self.reactivation, self.damping, self._unit_axes(index) if sloped else None)

  def _unit_axes(self, index: int) -> tuple[int, ...]:
    """The axes of a weight over which one output unit has it."""
    weight = self.pruning_vars[index][0]
    axes = list(range(weight.shape.rank))
    if short_name(weight) == 'depthwise_kernel':  # [height, width, in, multiplier]
      return tuple(axes[:-2])
    units = axes[-2] if isinstance(self.layer, _TRANSPOSED) else axes[-1]  # Of a transposed one: [height, width, out, in]
    return tuple(axis for axis in axes if axis != units)

  def _threshold(self, index: int) -> Any:
    """The magnitude that separates kept from pruned; of a weight behind a scale it is the product that is compared."""
    threshold = self.pruning_vars[index][2]
    return threshold if self.reading is None else tf.stop_gradient(tf.math.divide_no_nan(tf.convert_to_tensor(threshold), self.reading()))

  def settle(self, before: list[tf.Tensor]) -> None:
    """Undoes, after an optimizer step, what must not have happened to pruned weights (cross-replica context).

    Args:
      before: the prunable weights' values before the step.
    """
    strategy = tf.distribute.get_strategy()
    for index, old in enumerate(before):
      weight, mask, _ = self.pruning_vars[index]
      state = (tf.convert_to_tensor(tensor) for tensor in (weight, mask, self._threshold(index), self.open))
      value = self._rule(index).settled(old, *state)
      strategy.extended.update(weight, lambda variable, new: variable.assign(new), args=(value,))

  def get_config(self) -> dict:
    """The constructor's arguments; the schedule in full, which tfmot would give back as a string."""
    config = super().get_config()
    config['pruning_schedule'] = self.pruning_schedule.get_config()
    return config | {'reactivation': self.reactivation, 'damping': self.damping, 'unit_slope': self.unit_slope}

  @classmethod
  def from_config(cls, config: dict) -> 'RegrowthPruning':
    """The inverse of `get_config`."""
    config = dict(config)
    schedule = schedules.described(config.pop('pruning_schedule'))
    layer = keras.layers.deserialize(config.pop('layer'))
    return cls(layer=layer, pruning_schedule=schedule, **config)


def _is_only_described() -> bool:
  """Whether Keras asks for the shape of an output, in a graph that it throws away: a network is built in a quarter less time."""
  return not tf.executing_eagerly() and getattr(tf.compat.v1.get_default_graph(), 'name', '').endswith(_SCRATCH)


def wrappers(model: keras.Model) -> list[RegrowthPruning]:
  """The model's pruning wrappers with regrowth, in network order."""
  return [layer for layer in model.layers if isinstance(layer, RegrowthPruning)]


def prunable(model: keras.Model) -> dict[str, tuple[pruning_wrapper.PruneLowMagnitude, int]]:
  """(wrapper, index of the weight in it) of each prunable weight by 'layer/variable'; in our wrappers or in tfmot's own."""
  wrapped = {}
  for wrapper in pruning_wrapper.collect_prunable_layers(model):
    for index, (weight, _, _) in enumerate(wrapper.pruning_vars):
      wrapped[f'{wrapper.layer.name}/{short_name(weight)}'] = (wrapper, index)
  return wrapped


def current_mask(model: keras.Model) -> Mask:
  """The masks as they stand."""
  return Mask({name: wrapper.pruning_vars[index][1].numpy() > 0 for name, (wrapper, index) in prunable(model).items()})


def get_state(model: keras.Model) -> dict[str, dict[str, np.ndarray]]:
  """All that the wrappers remember: {'mask', 'threshold', 'scale', 'open' or 'step': {weight name: array}}."""
  return {part: {name: variable.numpy() for name, variable in entries.items()} for part, entries in _state(model).items()}


def set_state(model: keras.Model, state: Mapping[str, Mapping[str, np.ndarray]]) -> None:
  """Puts back what `get_state` returned."""
  for part, entries in _state(model).items():
    for name, variable in entries.items():
      variable.assign(state[part][name])


def _state(model: keras.Model) -> dict[str, dict[str, tf.Variable]]:
  parts: dict[str, dict[str, tf.Variable]] = {'mask': {}, 'threshold': {}, 'scale': {}, 'open': {}, 'step': {}}
  for name, (wrapper, index) in prunable(model).items():
    _, parts['mask'][name], parts['threshold'][name] = wrapper.pruning_vars[index]
    if isinstance(wrapper, RegrowthPruning):
      parts['scale'][name], parts['open'][name] = wrapper.scales[index], wrapper.open
    else:
      parts['step'][name] = wrapper.pruning_step
  return parts


@contextlib.contextmanager
def paused(model: keras.Model) -> Iterator[None]:
  """Keeps tfmot's own wrappers from counting and ranking, which they do in every call that is called training."""
  counters = [
    wrapper.pruning_step for wrapper in pruning_wrapper.collect_prunable_layers(model) if not isinstance(wrapper, RegrowthPruning)
  ]
  before = [counter.numpy() for counter in counters]
  for counter in counters:
    counter.assign(_NEVER)
  try:
    yield
  finally:
    for counter, step in zip(counters, before):
      counter.assign(step)


def set_masks(model: keras.Model, mask: Mask, thresholds: Mapping[str, float], magnitudes: Mapping[str, np.ndarray], final: bool) -> None:
  """Puts a ranking's result into the wrappers.

  Args:
    model: a wrapped model.
    mask: what is kept.
    thresholds: the magnitude that separates kept from pruned, by weight name.
    magnitudes: the |w| that were ranked, by weight name.
    final: whether pruned weights stay pruned from now on, or at least at the next ranking.
  """
  for name, (wrapper, index) in prunable(model).items():
    _, mask_variable, threshold = wrapper.pruning_vars[index]
    kept = magnitudes[name][mask[name]]
    shrunk = np.maximum(kept - thresholds[name], 0).sum(dtype=np.float64)
    mask_variable.assign(mask[name].astype(np.float32))
    threshold.assign(thresholds[name])
    scale = kept.sum(dtype=np.float64) / shrunk if shrunk > 0 else 1.0
    wrapper.scales[index].assign(min(scale, _LARGEST_SCALE))
    wrapper.open.assign(0.0 if final or wrapper.reactivation == 'masked' else 1.0)


def harden(model: keras.Model) -> None:
  """Makes soft thresholds into plain masks: the threshold becomes 0 and the scale 1.

  The caller has put the effective values into the kept weights, so that the function stays the same.
  """
  for wrapper in wrappers(model):
    for (_, _, threshold), scale in zip(wrapper.pruning_vars, wrapper.scales):
      threshold.assign(0.0)
      scale.assign(1.0)


def effective_values(model: keras.Model) -> dict[str, np.ndarray]:
  """The weights that the wrapped layers compute with, by weight name."""
  return {name: _effective(wrapper, index).numpy() for name, (wrapper, index) in prunable(model).items()}


def _effective(wrapper: pruning_wrapper.PruneLowMagnitude, index: int) -> tf.Tensor:
  weight, mask, _ = wrapper.pruning_vars[index]
  return wrapper.effective(index) if isinstance(wrapper, RegrowthPruning) else weight * mask


def bake(model: keras.Model) -> None:
  """Makes every weight what its layer computes with, so that `strip_pruning` changes no output.

  To be called under a final mask: weights that may still come back would be cut off.
  """
  for wrapper, index in prunable(model).values():
    wrapper.pruning_vars[index][0].assign(_effective(wrapper, index))
  harden(model)

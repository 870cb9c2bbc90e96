"""Anybody's model with its layers in pruning wrappers."""

from collections.abc import Callable
from typing import Any
import warnings

import numpy as np
from tensorflow_model_optimization.python.core.sparsity.keras import pruning_wrapper
from tensorflow_model_optimization.python.core.sparsity.keras.pruning_schedule import PruningSchedule
import tf_keras as keras

from st_tf.config import REACTIVATIONS
from st_tf.errors import did_you_mean
from st_tf.pruning.kinds import dense_weights, why_dense
from st_tf.pruning.remembering import PruningError, RememberingPruning

_DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)


def skip_depthwise(layer: keras.layers.Layer) -> bool:
  """Leaves depthwise convolutions dense: they have few weights, and need them."""
  return isinstance(layer, _DEPTHWISE)


def wrap(
  model: keras.Model,
  schedule: PruningSchedule,
  reactivation: str = 'soft_threshold',
  skip: Callable[[keras.layers.Layer], bool] = skip_depthwise,
  unit_slope: bool = False,
) -> keras.Model:
  """A copy of a functional model whose convolutions and dense layers are pruned with regrowth; what stays dense is named in a warning.

  The weights are taken over, and so are the names of layers and outputs. Compile it, and train it with the `Regrowth` callback. Whenever
  that is or was, tfmot's `strip_pruning` gives a plain model with the same outputs.

  Args:
    model: a functional or sequential tf_keras model.
    schedule: a tfmot pruning schedule.
    reactivation: what a pruned weight does between two rankings; see `RegrowthPruning`.
    skip: which layers stay dense; depthwise convolutions unless told otherwise.
    unit_slope: see `RegrowthPruning`; meant for models in which a batch norm follows each pruned layer.

  Raises:
    PruningError: an option is none; the model is none of tf_keras, is not built or no graph of its own layers, has pruning wrappers
      already, whose masks and schedule would be lost, or has nothing to prune.
  """
  _check_model(model)
  _check_options(schedule, reactivation, skip, unit_slope)
  reasons = {layer.name: reason for layer in model.layers if (reason := _reason(layer, skip)) is not None}
  pruned = {name for name, reason in reasons.items() if not reason}
  if not pruned:
    raise PruningError(
      f'Pruning needs layers to prune. Received: {model.name}, in which there are none.{_grouped(reasons)} Take a model with'
      ' convolutions or dense layers, and a skip that leaves some.'
    )

  def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
    copy = _copied(layer)
    return RememberingPruning(copy, schedule, reactivation, unit_slope=bool(unit_slope)) if layer.name in pruned else copy

  with model.distribute_strategy.scope():
    wrapped = keras.models.clone_model(model, clone_function=clone)
    if type(wrapped) is not type(model):
      raise PruningError(
        f'A copy has the class of its model. Received: {type(model).__name__}, which only its own code can make. Build the model by'
        ' keras.Model(inputs, outputs), or give its class the constructor of keras.Model and no other.'
      )
    if not wrapped.built:
      wrapped.build(model.input_shape)
  for copy in wrapped.layers:
    inner = copy.layer if isinstance(copy, RememberingPruning) else copy
    inner.set_weights(model.get_layer(copy.name).get_weights())
    if isinstance(copy, RememberingPruning):
      copy.absorb()
  _tell(model, reasons)
  return wrapped


def _check_model(model: Any) -> None:
  if not isinstance(model, keras.Model):
    raise PruningError(f'wrap takes a model of tf_keras. Received: {_described(model)}')
  if not (isinstance(model, keras.Sequential) or getattr(model, '_is_graph_network', False)):
    raise PruningError(
      f'wrap takes a functional or sequential model, whose layers it can see. Received: {type(model).__name__}, a model with a call of its'
      ' own. Build it by keras.Model(inputs, outputs): its layers called on a keras.Input.'
    )
  if not model.built or not model.inputs:
    raise PruningError(
      f'wrap takes a model that is built. Received: {model.name}, whose input shape is not known yet. Begin it with keras.Input(shape), or'
      ' call model.build((None, height, width, channels)).'
    )
  inner = [layer.name for layer in model.layers if isinstance(layer, keras.Model)]
  if inner:
    raise PruningError(
      f'The layers of a model are its own. Received: {model.name} with the model {inner[0]} as a layer. Build it as one graph:'
      f' continue from the outputs of {inner[0]} instead of calling it.'
    )
  if any(isinstance(layer, pruning_wrapper.PruneLowMagnitude) for layer in model.layers):
    raise PruningError('A model is wrapped once. Received: one with pruning wrappers. Apply strip_pruning first.')


def _described(model: Any) -> str:
  """What is no model, and the way out."""
  kind = type(model)
  if any(base.__module__.split('.')[0] == 'keras' for base in kind.__mro__):
    return (
      f'{kind.__name__} of Keras 3, another library than the tf_keras that tfmot works with. Build it with "import tf_keras as keras";'
      ' where code says tf.keras, set TF_USE_LEGACY_KERAS=1 before TensorFlow is imported. st_tf.draw(model=...) takes models of both.'
    )
  if isinstance(model, keras.layers.Layer):
    return f'the layer {model.name} ({kind.__name__}). Put it into a model, and leave the others out by skip.'
  if isinstance(model, (str, bytes)) or hasattr(model, '__fspath__'):
    return f'{model!r}. Load it first: tf_keras.models.load_model.'
  return f'{kind.__name__}. Build one by tf_keras.Model(inputs, outputs).'


def _check_options(schedule: Any, reactivation: Any, skip: Any, unit_slope: Any) -> None:
  if not isinstance(schedule, PruningSchedule):
    received = f'the class {schedule.__name__}' if isinstance(schedule, type) else repr(schedule)
    raise PruningError(
      f'A schedule is one of tfmot or of st_tf.pruning. Received: {received}. Take for example'
      ' st_tf.pruning.Cubic(target_sparsity=0.9, begin_step=100, end_step=2000, frequency=50).'
    )
  if not isinstance(reactivation, str) or reactivation not in REACTIVATIONS:
    raise PruningError(
      f'Reactivation is one of {", ".join(REACTIVATIONS)}. Received: {reactivation!r}.{did_you_mean(str(reactivation), REACTIVATIONS)}'
    )
  if isinstance(skip, type) or not callable(skip):
    raise PruningError(
      f'skip is a function of a layer. Received: {skip!r}. Names of layers go into one: skip=lambda layer: layer.name in names; classes'
      ' too: skip=lambda layer: isinstance(layer, classes).'
    )
  if not isinstance(unit_slope, (bool, np.bool_)):
    raise PruningError(f'unit_slope is True or False. Received: {unit_slope!r}. Take True where a batch norm follows each pruned layer.')


def _reason(layer: keras.layers.Layer, skip: Callable[[keras.layers.Layer], bool]) -> str | None:
  """Why a layer stays dense; '' = it does not, None = there is nothing to prune."""
  reason = why_dense(layer)
  try:
    is_left = reason == '' and bool(skip(layer))
  except Exception as error:  # Whatever a function of others raises.
    raise PruningError(
      f'skip says of each layer whether it stays dense. Received: {type(error).__name__} ({error}) for {layer.name}. Let it take a layer'
      ' and return True or False.'
    ) from error
  if is_left:
    return 'depthwise convolutions, which skip leaves out unless told otherwise' if skip is skip_depthwise else 'skip leaves them out'
  return reason


def _copied(layer: keras.layers.Layer) -> keras.layers.Layer:
  try:
    return layer.__class__.from_config(layer.get_config())
  except Exception as error:  # Whatever a constructor raises.
    reason = ' '.join(str(error).split()).rsplit('Exception encountered: ', 1)[-1][:200].rstrip('.')
    raise PruningError(
      f'A layer can be made again from what its get_config says. Received: {layer.name} ({type(layer).__name__}): {reason}. Let get_config'
      ' return all arguments of its constructor, those of its base class among them.'
    ) from error


def _tell(model: keras.Model, reasons: dict[str, str]) -> None:
  partly = {
    layer.name: f'its {" and ".join(left)} only, which is small'
    for layer in model.layers
    if reasons.get(layer.name) == '' and (left := dense_weights(layer))
  }
  told = _grouped(reasons | partly)
  if told:
    warnings.warn(
      f"{model.name}: these layers stay dense, and the schedule's sparsity is that of the others.{told}", UserWarning, stacklevel=3
    )


def _grouped(reasons: dict[str, str]) -> str:
  groups: dict[str, list[str]] = {}
  for name, reason in reasons.items():
    if reason:
      groups.setdefault(reason, []).append(name)
  return ''.join(f' {", ".join(names)}: {reason}.' for reason, names in groups.items())

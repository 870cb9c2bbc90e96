"""What an int8 file computes, for a training to see: weights and activations of a model, rounded where the file rounds them.

TFLite stores the weights of each output channel as multiples of a 127th of their largest magnitude. That is the same before and after
a batch norm is folded in, which multiplies all of a channel's weights, so nothing has to be folded here; and zeros stay zeros.
Activations lie on 256 levels between the smallest and the largest number of their tensor. The file has these from typical images; here
they are the batch's, so that there is nothing to remember, and a training that is continued sees what one in a piece would.

Gradients go straight through.
"""

from collections.abc import Callable, Iterator
import contextlib
from typing import Any

import tensorflow as tf
import tf_keras as keras

from st_tf.models.layers import ChannelShift, CountedDropout
from st_tf.models.variables import layers

_LEVELS = 127
_DEPTHWISE = ('depthwise_kernel', (0, 1))  # Where its weights are, and the axes that one scale is for.
_KERNELS = (
  (keras.layers.SeparableConv2D, (_DEPTHWISE, ('pointwise_kernel', (0, 1, 2)))),
  (keras.layers.DepthwiseConv2D, (_DEPTHWISE,)),
  (keras.layers.Conv2DTranspose, (('kernel', (0, 1, 3)),)),
  (keras.layers.Conv2D, (('kernel', (0, 1, 2)),)),
  (keras.layers.Dense, (('kernel', (0,)),)),
)
# What gives numbers of its input: they are rounded already.
_PASSING = (
  keras.layers.Dropout,
  CountedDropout,
  keras.layers.ZeroPadding2D,
  keras.layers.Cropping2D,
  keras.layers.Flatten,
  keras.layers.Reshape,
  keras.layers.MaxPooling2D,
  keras.layers.GlobalMaxPooling2D,
)
_AFFINE = (keras.layers.BatchNormalization, ChannelShift)
# What a file computes in one operation with an activation behind it.
_ARITHMETIC = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense, keras.layers.Add, keras.layers.Multiply, *_AFFINE)


def rounded_weights(weights: tf.Tensor, axes: tuple[int, ...]) -> tf.Tensor:
  """Weights as int8 has them; `axes` are those that share a scale."""
  weights = tf.convert_to_tensor(weights)
  scale = tf.reduce_max(tf.abs(weights), axes, keepdims=True) / _LEVELS
  return weights + tf.stop_gradient(tf.round(tf.math.divide_no_nan(weights, scale)) * scale - weights)


def rounded_activations(values: tf.Tensor) -> tf.Tensor:
  """Activations on the 256 levels between their smallest and their largest, of which one is zero."""
  values = tf.convert_to_tensor(values)
  smallest, largest = tf.minimum(tf.reduce_min(values), 0.0), tf.maximum(tf.reduce_max(values), 0.0)
  # TensorFlow's own gradient of it is zero for what lies beyond the outermost level, such as the largest number itself.
  return values + tf.stop_gradient(tf.quantization.fake_quant_with_min_max_vars(values, smallest, largest) - values)


@contextlib.contextmanager
def rounded(model: keras.Model) -> Iterator[None]:
  """For a while the model computes as an int8 file does; for a model of layers, with or without pruning wrappers.

  Inside a layer that is several operations of a file (an attention, a separable convolution) nothing but the weights is rounded.
  """
  images = model.call
  calls = {layer: _rounded_call(layer, rounds) for layer, rounds in _layers(model)}
  calls[model] = lambda inputs, *args, **kwargs: images(rounded_activations(inputs), *args, **kwargs)
  before = {layer: vars(layer).get('call') for layer in calls}
  try:
    for layer, call in calls.items():
      object.__setattr__(layer, 'call', call)  # Past Keras' tracking.
    yield
  finally:
    for layer, call in before.items():
      object.__delattr__(layer, 'call') if call is None else object.__setattr__(layer, 'call', call)


def _layers(model: keras.Model) -> Iterator[tuple[keras.layers.Layer, bool]]:
  """(layer inside its wrapper, whether its output is rounded) of every layer that computes."""
  inner = {id(outer): layer for outer, layer in layers(model)}
  readers: dict[int, list[keras.layers.Layer]] = {key: [] for key in inner}
  for nodes in model._nodes_by_depth.values():
    for node in nodes:
      for parent in node.parent_nodes:
        readers[id(parent.layer)].append(inner[id(node.layer)])
  for key, layer in inner.items():
    if isinstance(layer, keras.layers.InputLayer):
      continue
    melts = len(readers[key]) == 1 and _melts(layer, readers[key][0])
    yield layer, not melts and not isinstance(layer, _PASSING)


def _melts(layer: keras.layers.Layer, reader: keras.layers.Layer) -> bool:
  """Whether a file computes the layer and its only reader in one operation."""
  linear = getattr(layer, 'activation', keras.activations.linear) is keras.activations.linear
  if not linear or not isinstance(layer, _ARITHMETIC):
    return False
  if isinstance(reader, keras.layers.ReLU):
    return not reader.negative_slope and not reader.threshold and (reader.max_value is None or float(reader.max_value) == 6.0)
  relu = isinstance(reader, keras.layers.Activation) and reader.activation in (keras.activations.relu, tf.nn.relu, tf.nn.relu6)
  return relu or isinstance(reader, _AFFINE)


def _rounded_call(layer: keras.layers.Layer, rounds: bool) -> Callable[..., Any]:
  call = layer.call
  kernels = next((kernels for kind, kernels in _KERNELS if isinstance(layer, kind)), ())

  def rounding(inputs: Any, *args: Any, **kwargs: Any) -> Any:
    before = {attribute: getattr(layer, attribute) for attribute, _ in kernels}
    try:
      for attribute, axes in kernels:
        object.__setattr__(layer, attribute, rounded_weights(before[attribute], axes))
      outputs = call(inputs, *args, **kwargs)
    finally:
      for attribute, value in before.items():
        object.__setattr__(layer, attribute, value)
    return rounded_activations(outputs) if rounds and tf.is_tensor(outputs) else outputs

  return rounding

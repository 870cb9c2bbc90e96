"""A plain Keras model as a deployment graph."""

import numpy as np
import tf_keras as keras

from st_tf.errors import UserError
from st_tf.models.activations import ACTIVATIONS
from st_tf.models.layers import ChannelShift, CountedDropout, GroupedConv2D
from tflite.deploy.graph import Graph, Node


class LoweringError(UserError):
  """A layer that deployment graphs do not have."""


def lower(model: keras.Model) -> Graph:
  """The graph of a functional model.

  Args:
    model: one image [batch, height, width, channels] of fixed size -> one output; without pruning wrappers.

  Raises:
    LoweringError: it has a layer that deployment graphs do not have.
  """
  return _Lowering(model).graph


class _Lowering:
  """Goes through the layers once; padding layers melt into the convolutions that read them."""

  def __init__(self, model: keras.Model):
    image = model.inputs[0]
    self._nodes = [Node('image', 'image', (), tuple(image.shape[1:]))]
    self._names = {id(image): 'image'}  # Node by the identity of Keras' symbolic tensor.
    self._pads: dict[int, int] = {}  # Pixels that a padding layer has added, by the same.
    for layer in model.layers:
      if not isinstance(layer, keras.layers.InputLayer):
        self._add(layer)
    self.graph = Graph(tuple(self._nodes), self._names[id(model.outputs[0])]).pruned()

  def _add(self, layer: keras.layers.Layer) -> None:
    tensors = layer.input if isinstance(layer.input, (list, tuple)) else [layer.input]
    inputs = tuple(self._names[id(tensor)] for tensor in tensors)
    pad = self._pads.get(id(tensors[0]), 0)
    if isinstance(layer, keras.layers.ZeroPadding2D) and len({*layer.padding[0], *layer.padding[1]}) == 1:
      self._names[id(layer.output)], self._pads[id(layer.output)] = inputs[0], layer.padding[0][0]
      return
    if isinstance(layer, (CountedDropout, keras.layers.Dropout)):
      self._names[id(layer.output)] = inputs[0]
      return
    node = _node(layer, inputs, pad)
    if node is None or (pad and node.op not in ('conv', 'depthwise')):
      raise LoweringError(
        f'A deployment graph consists of convolutions, sums, activations and the like. Received: {layer.name}'
        f' ({type(layer).__name__}). Export the network as it stands.'
      )
    self._nodes.append(node)
    self._names[id(layer.output)] = node.name


def _node(layer: keras.layers.Layer, inputs: tuple[str, ...], pad: int) -> Node | None:
  kind = type(layer)
  if getattr(layer, 'activation', keras.activations.linear) is not keras.activations.linear and kind is not keras.layers.Activation:
    return None
  if getattr(layer, 'keepdims', False) or (kind is keras.layers.Concatenate and layer.axis not in (-1, 3)):
    return None
  if kind in (keras.layers.Conv2D, GroupedConv2D, keras.layers.DepthwiseConv2D):
    return _convolution(layer, inputs, pad)
  shape = tuple(layer.output.shape[1:]) if not isinstance(layer.output, (list, tuple)) else ()
  if isinstance(layer, keras.layers.BatchNormalization) and kind.call is keras.layers.BatchNormalization.call:
    gamma, beta, mean, variance = (np.asarray(value, np.float64) for value in layer.get_weights())
    scale = gamma / np.sqrt(variance + layer.epsilon)
    return Node(layer.name, 'affine', inputs, shape, arrays={'scale': scale, 'shift': beta - mean * scale})
  if kind is ChannelShift:
    shift = np.asarray(layer.shift, np.float64)
    return Node(layer.name, 'affine', inputs, shape, arrays={'scale': np.ones_like(shift), 'shift': shift})
  if kind is keras.layers.Activation:
    names = [name for name, function in ACTIVATIONS.items() if function is layer.activation]
    return Node(layer.name, 'act', inputs, shape, {'kind': names[0]}) if names else None
  if kind is keras.layers.ReLU:
    names = {None: 'relu', 6.0: 'relu6'}
    most = None if layer.max_value is None else float(layer.max_value)
    plain = not layer.negative_slope and not layer.threshold and most in names
    return Node(layer.name, 'act', inputs, shape, {'kind': names[most]}) if plain else None
  if kind is keras.layers.UpSampling2D or kind is keras.layers.Resizing:
    return Node(layer.name, 'resize', inputs, shape, {'method': layer.interpolation})
  if kind is keras.layers.Dense:
    kernel, bias = (np.asarray(value, np.float64) for value in layer.get_weights())
    return Node(layer.name, 'dense', inputs, shape, arrays={'kernel': kernel, 'bias': bias})
  simple = {keras.layers.Add: 'add', keras.layers.Concatenate: 'concat', keras.layers.GlobalAveragePooling2D: 'mean'}
  return Node(layer.name, simple[kind], inputs, shape) if kind in simple else None


def _convolution(layer: keras.layers.Layer, inputs: tuple[str, ...], pad: int) -> Node | None:
  size, stride = layer.kernel_size[0], layer.strides[0]
  if layer.padding == 'same':
    pad += (size - 1) // 2
  square = len({*layer.kernel_size}) == len({*layer.strides}) == 1 and size % 2 == 1
  if not square or (layer.padding == 'same' and stride != 1) or layer.dilation_rate != (1, 1):
    return None
  kernel, *rest = (np.asarray(value, np.float64) for value in layer.get_weights())
  depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
  if depthwise:
    if layer.depth_multiplier != 1:
      return None
    kernel = kernel[..., 0]
  elif layer.groups > 1:
    kernel = _spread(kernel, layer.groups)
  bias = rest[0] if rest else np.zeros(kernel.shape[-1])
  op = 'depthwise' if depthwise else 'conv'
  return Node(layer.name, op, inputs, tuple(layer.output.shape[1:]), {'stride': stride, 'pad': pad}, {'kernel': kernel, 'bias': bias})


def _spread(kernel: np.ndarray, groups: int) -> np.ndarray:
  """A grouped kernel [h, w, in / groups, out] as an ungrouped one [h, w, in, out]."""
  height, width, group_in, outputs = kernel.shape
  spread = np.zeros((height, width, group_in * groups, outputs))
  for group in range(groups):
    out = slice(group * outputs // groups, (group + 1) * outputs // groups)
    spread[:, :, group * group_in : (group + 1) * group_in, out] = kernel[..., out]
  return spread

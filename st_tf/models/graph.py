"""Keras models as graphs of data, and graphs as Keras models."""

from collections.abc import Callable, Mapping, Sequence
import contextlib
import math
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras
from tf_keras.src.applications.convnext import LayerScale, StochasticDepth
from tf_keras.src.applications.inception_resnet_v2 import CustomScaleLayer

from st_tf.arch import limits
from st_tf.arch.graph import INPUT, Graph, Node, call_name
from st_tf.arch.specs import SpecError
from st_tf.models.activations import ACTIVATIONS
from st_tf.models.high_resolution import CLASSIFIER, MAP_DEVIATION, NAME
from st_tf.models.layers import ChannelScale, ChannelShift, CountedDropout, GroupedConv2D
from st_tf.models.precision import not_halved
from st_tf.models.variables import seed_of, short_name

Wrap = Callable[[keras.layers.Layer], keras.layers.Layer]

_DENSE_DEVIATION = 0.01
# What Keras has not in keras.layers.
_MORE = {
  kind.__name__: kind for kind in (ChannelScale, ChannelShift, CountedDropout, CustomScaleLayer, GroupedConv2D, LayerScale, StochasticDepth)
}
# What matters to a first training only, or to how it is computed.
_LEFT_OUT = frozenset({
  'name', 'dtype', 'trainable', 'batch_input_shape', 'activity_regularizer', 'noise_shape', 'synchronized', 'renorm', 'renorm_clipping',
  'renorm_momentum', 'virtual_batch_size', 'adjustment', 'fused', 'autocast', 'ragged', 'sparse',
})  # fmt: skip
_LEFT_OUT_ENDINGS = ('_initializer', '_regularizer', '_constraint')
_CODE = frozenset({'Lambda', 'TFOpLambda', 'SlicingOpLambda', 'ClassMethod', 'InstanceMethod', 'InstanceProperty'})
_OPERATORS = {'__operators__.add': 'add', 'math.add': 'add', 'math.multiply': 'multiply', '__operators__.mul': 'multiply',
              'math.subtract': 'subtract', '__operators__.sub': 'subtract', 'math.truediv': 'divide',
              '__operators__.truediv': 'divide'}  # fmt: skip
_MERGES = {'add': 'Add', 'multiply': 'Multiply', 'subtract': 'Subtract'}


class Dialect:
  """How tf_keras calls what `read` looks at."""

  def functional(self, model: Any) -> Any:
    """The model with a graph; None where it has none."""
    has_graph = isinstance(model, keras.Model) and bool(getattr(model, '_is_graph_network', False)) and bool(model.inputs)
    return model if has_graph else None

  def is_model(self, layer: Any) -> bool:
    """Whether the layer is a model itself."""
    return isinstance(layer, keras.Model)

  def is_input(self, layer: Any) -> bool:
    """Whether it is where images enter."""
    return isinstance(layer, keras.layers.InputLayer)

  def layer(self, node: Any) -> Any:
    """What the node calls, without a wrapper."""
    return node.layer.layer if isinstance(node.layer, keras.layers.Wrapper) else node.layer

  def inputs(self, node: Any) -> Sequence[Any]:
    """The tensors that it reads."""
    return node.keras_inputs

  def outputs(self, node: Any) -> Sequence[Any]:
    """The tensors that it gives."""
    return tf.nest.flatten(node.outputs)

  def key(self, tensor: Any) -> tuple[int, int, int]:
    """Where a tensor comes from."""
    history = tensor._keras_history
    return id(history.layer), history.node_index, history.tensor_index

  def short_name(self, layer: Any, variable: Any) -> str:
    """'kernel' and the like."""
    return short_name(variable)

  def described(self, node: Any, layer: Any) -> tuple[str, dict[str, Any]]:
    """(kind, settings) of a layer.

    Raises:
      SpecError: it is not one that Keras brings.
    """
    return _operator(node, layer) if type(layer).__name__ in _CODE else _described(layer)


TF_KERAS = Dialect()


def read(model: Any, dialect: Dialect = TF_KERAS) -> tuple[Graph, dict[str, Any]]:
  """(the graph of a functional model, its variables by 'layer/variable'); models inside it are taken apart, operators become layers.

  Args:
    model: with or without pruning wrappers.
    dialect: of its Keras.

  Raises:
    SpecError: it is no functional model, has several inputs, or layers that only its own code knows.
  """
  whole = dialect.functional(model)
  if whole is None:
    raise SpecError(
      f'A network is a functional or sequential Keras model that is built. Received: {type(model).__name__} {model.name!r}.'
      ' Build it by keras.Model(inputs, outputs), or call it once.'
    )
  names = [tensor.name.split(':')[0] for tensor in whole.inputs]
  if len(names) != 1:
    raise SpecError(f'A network has one input, images. Received: {len(names)} ({", ".join(names)}).')
  reading = _Reading(dialect)
  reading.nodes.append(Node(names[0], INPUT, {}, (), tuple(whole.inputs[0].shape[1:])))
  outputs = reading.take(whole, names, '')
  return Graph(tuple(reading.nodes), tuple(outputs)), reading.variables


def graph_of(model: keras.Model) -> Graph:
  """The graph of a functional model; see `read`."""
  return read(model)[0]


def build_graph(
  graph: Graph,
  input_shape: tuple[int, ...] | None = None,
  wrap: Wrap = lambda layer: layer,
  seed: int = 0,
  synchronized: bool = False,
  deviation: float = 0.0,
  first: keras.layers.Layer | None = None,
) -> keras.Model:
  """The Keras model of a graph, with fresh weights.

  Args:
    graph: what to build.
    input_shape: of one image; None = as the graph says.
    wrap: applied to every layer with a kernel; it may return the layer itself.
    seed: of the initial weights; each layer's depend on it and on the layer's name only.
    synchronized: whether batch norms share their statistics over replicas.
    deviation: standard deviation of the initial kernels; 0 = He, by fan-out; of dense layers 0.01, of the last of maps 0.001.
    first: a layer that images pass before all others.

  Raises:
    SpecError: a layer is none that Keras brings, or does not fit the images.
  """
  tensors: dict[str, Any] = {}
  made: dict[str, keras.layers.Layer] = {}
  image, size = None, limits.Size()
  for node in graph.nodes:
    if node.kind == INPUT:
      image = keras.Input(input_shape or node.shape, name=node.layer)
      tensors[node.name] = first(image) if first else image
      continue
    fresh = node.layer not in made
    if fresh:
      with not_halved() if node.name in graph.outputs else contextlib.nullcontext():
        layer = _layer(node, seed, synchronized, deviation)
        made[node.layer] = wrap(layer) if any(name.endswith('kernel') for name in node.weights) else layer
    inputs = [tensors[name] for name in node.inputs]
    channels = (inputs[0].shape[-1] or 1) if inputs and len(inputs[0].shape) > 1 else 1
    weights = limits.layer_weights(node.config, channels)
    size.add(weights if fresh else 0, 0, 0)
    size.check(image.shape[1:3])
    try:
      tensors[node.name] = made[node.layer](inputs if len(inputs) > 1 else inputs[0])
      size.macs += weights * _numbers(tensors[node.name].shape[1:-1])
      size.add(0, 0, _numbers(tensors[node.name].shape[1:]))
    except (ValueError, TypeError) as error:
      shapes = ', '.join(str(tuple(tensor.shape[1:])) for tensor in inputs)
      raise SpecError(f'Images have a size that every layer can read. Received: {node.layer} ({node.kind}) reads {shapes}.') from error
  outputs = [tensors[name] for name in graph.outputs]
  return keras.Model(image, outputs if len(outputs) > 1 else outputs[0], name=NAME)


def _numbers(shape: Sequence[int | None]) -> int:
  return math.prod(side or 1 for side in shape)


class _Reading:
  """What was found so far."""

  def __init__(self, dialect: Dialect):
    self._dialect = dialect
    self.nodes: list[Node] = []
    self.variables: dict[str, Any] = {}
    self._calls: dict[str, int] = {}

  def take(self, model: Any, inputs: Sequence[str], path: str) -> list[str]:
    """Adds a model's nodes; names of what it returns.

    Args:
      model: which.
      inputs: names of what goes into it.
      path: what the names of its layers begin with.
    """
    key = self._dialect.key
    names = {key(tensor): name for tensor, name in zip(model.inputs, inputs, strict=True)}
    for _, nodes in sorted(model._nodes_by_depth.items(), reverse=True):
      for node in nodes:
        if not self._dialect.is_input(self._dialect.layer(node)):
          written = self._call(node, [names[key(tensor)] for tensor in self._dialect.inputs(node)], path)
          names.update(zip((key(tensor) for tensor in self._dialect.outputs(node)), written, strict=True))
    return [names[key(tensor)] for tensor in model.outputs]

  def _call(self, node: Any, read: list[str], path: str) -> list[str]:
    layer, outputs = self._dialect.layer(node), self._dialect.outputs(node)
    if self._dialect.is_model(layer):
      inner = self._dialect.functional(layer)
      if inner is None:
        raise SpecError(f'Models inside a network are functional or sequential. Received: {type(layer).__name__} {layer.name!r}.')
      return self.take(inner, read, f'{path}{layer.name}/')
    if len(outputs) != 1:
      raise SpecError(f'A layer has one output. Received: {layer.name} ({type(layer).__name__}) with several.')
    kind, config = self._dialect.described(node, layer)
    name = f'{path}{layer.name}'
    call = self._calls[name] = self._calls.get(name, -1) + 1
    variables = {self._dialect.short_name(layer, variable): variable for variable in getattr(layer, 'weights', ())}
    weights = {short: tuple(variable.shape) for short, variable in variables.items()}
    self.variables.update((f'{name}/{short}', variable) for short, variable in variables.items())
    self.nodes.append(Node(call_name(name, call), kind, config, tuple(read), tuple(outputs[0].shape[1:]), weights))
    return [self.nodes[-1].name]


def _described(layer: keras.layers.Layer) -> tuple[str, dict[str, Any]]:
  kind = type(layer).__name__
  if _class_of(kind) is not type(layer):
    raise foreign(layer.name, kind)
  config = layer.get_config()
  if kind == 'Activation':
    config['activation'] = next((name for name, function in ACTIVATIONS.items() if function is layer.activation), config['activation'])
  return kind, cleaned(layer.name, config)


def foreign(name: str, kind: str) -> SpecError:
  """What is wrong with a layer of that name and class, which Keras does not bring."""
  return SpecError(
    f'A network has layers that Keras brings. Received: {name}, a {kind}. Build the network without it; what it'
    ' computes is often had by several of Keras.'
  )


def cleaned(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
  """The settings of a layer that decide what it computes.

  Raises:
    SpecError: its activation is code.
  """
  config = {key: _plain(value) for key, value in config.items() if key not in _LEFT_OUT and not key.endswith(_LEFT_OUT_ENDINGS)}
  if not isinstance(config.get('activation', ''), (str, type(None))):
    raise SpecError(f'An activation is one of Keras, by name. Received: {name} with {config["activation"]}.')
  return config


def _operator(node: Any, layer: keras.layers.Layer) -> tuple[str, dict[str, Any]]:
  """(kind, settings) of the layer that does what an operator does."""
  operator = _OPERATORS.get(getattr(layer, 'symbol', '') or layer.get_config().get('function', ''))
  values = [_number(value) for value in (*node.call_args, *node.call_kwargs.values()) if value is not None]
  if operator in _MERGES and len(node.keras_inputs) == len(values) == 2:
    return _MERGES[operator], {}
  if operator in ('add', 'multiply') and isinstance(values[0], float):  # Either order.
    values.reverse()
  if operator and len(values) == 2 and len(node.keras_inputs) == 1 and isinstance(values[1], float):
    scale = {'multiply': values[1], 'divide': 1 / values[1] if values[1] else 1.0}.get(operator, 1.0)
    return 'Rescaling', {'scale': scale, 'offset': {'add': values[1], 'subtract': -values[1]}.get(operator, 0.0)}
  name = getattr(layer, 'symbol', '') or layer.get_config().get('function', '')
  raise SpecError(
    f'A network has layers that Keras brings. Received: {layer.name}, a {type(layer).__name__}'
    + (f' of tf.{name}.' if isinstance(name, str) and name else '.')
    + ' Build the network by layers: keras.layers.Rescaling, Add, Activation and others.'
  )


def _number(value: Any) -> Any:
  """A number as Python's, anything else as it is."""
  if isinstance(value, (int, float, np.number, tf.Tensor)) and np.ndim(value) == 0:
    return float(value)
  return value


def _layer(node: Node, seed: int, synchronized: bool, deviation: float) -> keras.layers.Layer:
  kind = _class_of(node.kind)
  if kind is None:
    raise SpecError(f'A network has layers that Keras brings. Received: {node.layer}, a {node.kind}.')
  config = cleaned(node.layer, node.config)
  if node.kind == 'Activation':
    config['activation'] = ACTIVATIONS.get(config['activation'], config['activation'])
  if node.kind == 'BatchNormalization':
    config['synchronized'] = synchronized
  for name in node.weights:
    if name.endswith('kernel'):
      own = seed_of(seed, f'{node.layer}/{name}')
      by_itself = _DENSE_DEVIATION if node.kind == 'Dense' else MAP_DEVIATION if node.layer == CLASSIFIER else 0.0
      config[f'{name.removesuffix("_kernel")}_initializer' if name != 'kernel' else 'kernel_initializer'] = (
        keras.initializers.RandomNormal(0.0, deviation or by_itself, own)
        if deviation or by_itself
        else keras.initializers.VarianceScaling(2.0, 'fan_out', 'untruncated_normal', own)
      )
  try:
    return kind(**config, name=node.layer)
  except (TypeError, ValueError) as error:
    raise SpecError(f'A layer has settings that Keras knows. Received: {node.layer} ({node.kind}): {error}.') from error


def _class_of(kind: str) -> type | None:
  found = _MORE.get(kind) or (None if kind in _CODE else getattr(keras.layers, kind, None))
  return found if isinstance(found, type) and issubclass(found, keras.layers.Layer) else None


def _plain(value: Any) -> Any:
  """What JSON gives back as it was."""
  if isinstance(value, Mapping):
    return {str(name): _plain(item) for name, item in value.items()}
  if isinstance(value, (list, tuple)) or type(value).__name__ == 'ListWrapper':
    return [_plain(item) for item in value]
  return (
    value.item() if hasattr(value, 'item') and getattr(value, 'ndim', 1) == 0 else value.tolist() if hasattr(value, 'tolist') else value
  )

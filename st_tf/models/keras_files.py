"""Trained networks out of files of Keras, of either version, and back into files that Keras 3 opens.

A file of Keras 3 is read by Keras 3 itself, which comes with TensorFlow; what its layers call otherwise is translated.
"""

from collections.abc import Sequence
import json
import pathlib
from typing import Any
import zipfile

import h5py
import numpy as np
import tf_keras
from tf_keras.src.saving.serialization_lib import SafeModeScope

from st_tf import files, plain
from st_tf.arch.graph import INPUT, Graph, Node
from st_tf.arch.specs import SpecError
from st_tf.models import graph as graphs
from st_tf.models import unpacked
from st_tf.models.high_resolution import NAME

_DIGITS = 12
_MODULES = ('keras', 'tf_keras')
_SUFFIXES = ('.keras', '.h5', '.hdf5')
# Of Keras 3 -> of tf_keras: names of arguments by layer, and of activations. A hard sigmoid is another function there.
_ARGUMENTS = {'LeakyReLU': {'negative_slope': 'alpha'}}
_ACTIVATIONS = {'silu': 'swish', 'hard_silu': 'hard_swish', 'hard_swish': 'hard_swish'}
_ONLY_THEIRS = frozenset({'quantization_config', 'lora_rank', 'lora_alpha'})
_OF_ONE_GROUP = ('DepthwiseConv', 'SeparableConv')  # tf_keras gives them groups all the same.
_KINDS = {'CountedDropout': 'Dropout', 'GroupedConv2D': 'Conv2D'}  # Of ours -> of Keras 3.
_OTHERS = frozenset({'hard_sigmoid', 'leaky_relu', 'celu', 'glu', 'squareplus', 'sparse_plus', 'threshold'})


def load(path: str) -> tuple[Graph, dict[str, np.ndarray]]:
  """(network, its weights by 'layer/variable') of a model that Keras has saved.

  Args:
    path: a `.keras` or `.h5` file, of Keras 3 or tf_keras, or a folder with a SavedModel of tf_keras.

  Raises:
    SpecError: it cannot be read, or the model has layers that only its own code knows.
  """
  file = files.expanded(path)
  if not file.exists() or (file.is_file() and file.suffix not in _SUFFIXES):
    missing = '' if file.exists() else ', which does not exist'
    raise SpecError(f'A model of Keras is a .keras or .h5 file or a SavedModel folder. Received: {path}{missing}.')
  if file.is_file():
    unpacked.check(file)
  foreign = _foreign(file)
  if foreign:  # Before it is opened: whoever opens it runs the code.
    raise graphs.foreign(*foreign)
  try:
    if _is_of_keras3(file):
      import keras

      model = keras.saving.load_model(file, compile=False)
    else:
      with SafeModeScope(True):  # Files of .h5 know no other way to leave code alone.
        model = tf_keras.models.load_model(file, compile=False)
  except Exception as error:  # Each kind of damage is another exception in Keras.
    reason = str(error).strip().splitlines()
    raise SpecError(
      f'A model of Keras is a file that Keras reads without code of its own. Received: {path} ({reason[0][:200] if reason else error!r}).'
    ) from error
  return read_any(model)


def read_any(model: Any) -> tuple[Graph, dict[str, np.ndarray]]:
  """(network, its weights by 'layer/variable') of a model in memory, of either version of Keras.

  Raises:
    SpecError: it is no functional model, or has layers that only its own code knows.
  """
  if isinstance(model, tf_keras.Model):
    graph, variables = graphs.read(model)
    return graph, {name: variable.numpy() for name, variable in variables.items()}
  import keras

  if not isinstance(model, keras.Model):
    raise SpecError(f'A network is a model of Keras. Received: {type(model).__name__}.')
  graph, variables = graphs.read(model, _Keras3(keras))
  return graph, {name: np.asarray(variable) for name, variable in variables.items()}


def kept(model: Any, stem: pathlib.Path) -> pathlib.Path:
  """The file of a model in memory, whose name begins with `stem` and ends with what sets the model apart; written once.

  Raises:
    SpecError: as of `read_any`.
    OSError: it cannot be written.
  """
  graph, values = read_any(model)
  arrays = values | {'graph': np.frombuffer(json.dumps(graph.to_json()).encode(), np.uint8)}
  path = stem.with_name(f'{stem.name}-{files.digest(arrays)[:_DIGITS]}.keras')
  if not path.is_file():
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_file(path, model.save)
  return path


def h5(model: tf_keras.Model) -> bytes:
  """The `.h5` file of a model, made in memory: where a disk is full, HDF5 does not raise an error but ends the process."""
  with h5py.File(NAME, 'w', driver='core', backing_store=False) as file:
    model.save(file)
    file.flush()
    return file.id.get_file_image()


def save(graph: Graph, values: dict[str, np.ndarray], path: str | pathlib.Path) -> None:
  """Writes a network as a `.keras` file that Keras 3 opens, without any code.

  Args:
    graph: the network.
    values: its weights by 'layer/variable'.
    path: of the file.

  Raises:
    SpecError: it has a layer that Keras 3 has not.
  """
  import keras

  tensors, image, made = {}, None, {}
  for node in graph.nodes:
    if node.kind == INPUT:
      image = tensors[node.name] = keras.Input(node.shape, name=_name3(node.layer))
      continue
    if node.layer not in made:
      made[node.layer] = _layer3(keras, node, values)
    inputs = [tensors[name] for name in node.inputs]
    tensors[node.name] = made[node.layer](inputs if len(inputs) > 1 else inputs[0])
  outputs = [tensors[name] for name in graph.outputs]
  model = keras.Model(image, outputs if len(outputs) > 1 else outputs[0], name=NAME)
  for name, layer in made.items():
    for variable in layer.weights:
      variable.assign(values[f'{name}/{_short_name(layer, variable)}'])
  model.save(path)


class _Keras3(graphs.Dialect):
  """How Keras 3 calls what `graphs.read` looks at."""

  def __init__(self, keras: Any):
    self._keras = keras

  def functional(self, model: Any) -> Any:
    model = getattr(model, '_functional', None) or model  # Of a sequential model.
    return model if hasattr(model, '_nodes_by_depth') and model.inputs else None

  def is_model(self, layer: Any) -> bool:
    return isinstance(layer, self._keras.Model)

  def is_input(self, layer: Any) -> bool:
    return isinstance(layer, self._keras.layers.InputLayer)

  def layer(self, node: Any) -> Any:
    return node.operation

  def inputs(self, node: Any) -> Sequence[Any]:
    return node.input_tensors

  def outputs(self, node: Any) -> Sequence[Any]:
    return node.outputs

  def key(self, tensor: Any) -> tuple[int, int, int]:
    history = tensor._keras_history
    return id(history.operation), history.node_index, history.tensor_index

  def short_name(self, layer: Any, variable: Any) -> str:
    return _short_name(layer, variable)

  def described(self, node: Any, layer: Any) -> tuple[str, dict[str, Any]]:
    kind = type(layer).__name__
    if getattr(self._keras.layers, kind, None) is not type(layer) or kind == 'Lambda':
      raise graphs.foreign(layer.name, kind)
    config = graphs.cleaned(layer.name, layer.get_config())
    for theirs, ours in _ARGUMENTS.get(kind, {}).items():
      config[ours] = config.pop(theirs)
    activation = config.get('activation')
    if activation in _OTHERS:
      raise SpecError(f'Activations are those that both versions of Keras have. Received: {layer.name} with {activation!r}.')
    config |= {'activation': _ACTIVATIONS[activation]} if activation in _ACTIVATIONS else {}
    return kind, {name: value for name, value in config.items() if name not in _ONLY_THEIRS}


def _layer3(keras: Any, node: Node, values: dict[str, np.ndarray]) -> Any:
  if node.kind == 'ChannelShift':
    return keras.layers.Rescaling(1.0, values[f'{node.layer}/shift'].tolist(), name=_name3(node.layer))
  config = dict(node.config)
  kind = getattr(keras.layers, _KINDS.get(node.kind, node.kind), None)
  if kind is None:
    raise SpecError(f'Keras 3 has the layers of the network. Received: {node.layer}, a {node.kind}. Save it for tf_keras.')
  if node.kind == 'CountedDropout':
    config.pop('seed')
  if config.get('activation') in _OTHERS:
    raise SpecError(f'Activations are those that both versions of Keras have. Received: {node.layer} with {config["activation"]!r}.')
  for theirs, ours in _ARGUMENTS.get(node.kind, {}).items():
    config[theirs] = config.pop(ours)
  if node.kind.startswith(_OF_ONE_GROUP):
    config.pop('groups', None)
  if node.kind == 'BatchNormalization' and isinstance(config.get('axis'), (list, tuple)):
    (config['axis'],) = config['axis']
  back = {'hard_swish': 'hard_silu'}
  if config.get('activation') in back:
    config['activation'] = back[config['activation']]
  try:
    return kind(**config, name=_name3(node.layer))
  except (TypeError, ValueError) as error:
    raise SpecError(
      f'Keras 3 has the settings of each layer. Received: {node.layer} ({node.kind}): {error}. Save it for tf_keras.'
    ) from error


def _short_name(layer: Any, variable: Any) -> str:
  return 'depthwise_kernel' if variable.name == 'kernel' and type(layer).__name__.startswith('Depthwise') else variable.name


def _name3(name: str) -> str:
  """A layer's name in a file of Keras 3, which has no slashes."""
  return name.replace('/', '.')


def _foreign(file: pathlib.Path) -> tuple[str, str] | None:
  """(name, kind) of the first object in a file of Keras that is code, or that its own code knows; None where none is seen."""
  waiting, name = [_description(file)], ''
  while waiting:
    found = waiting.pop(0)
    if isinstance(found, dict):
      kind, module, inner = found.get('class_name'), found.get('module'), found.get('config')
      name = str(inner.get('name', name)) if isinstance(inner, dict) else name
      own = module is None or str(module).split('.')[0] in (*_MODULES, 'builtins', 'st_tf')
      if kind == 'Lambda' or not own:
        return name or str(module), str(kind)
    waiting[:0] = unpacked.inside(found)
  return None


def _description(file: pathlib.Path) -> Any:
  """What a file says of its layers; nothing of a folder, and of one that is damaged, which Keras says better."""
  try:
    if file.suffix == '.keras':
      with zipfile.ZipFile(file) as archive:
        return plain.parse(archive.read('config.json'))
    if file.is_file():
      with h5py.File(file) as archive:
        return plain.parse(archive.attrs.get('model_config', '{}'))
  except (ValueError, *unpacked.DAMAGED):
    pass
  return None


def _is_of_keras3(file: pathlib.Path) -> bool:
  if file.suffix != '.keras' or not zipfile.is_zipfile(file):
    return False
  with zipfile.ZipFile(file) as archive:
    return str(plain.parse(archive.read('metadata.json')).get('keras_version', '')).startswith('3.')

"""What a run of a network by name or by file begins with: its graph under the task's head, its weights, the pixels it wants."""

from collections.abc import Iterator, Mapping
import dataclasses
import functools
import os
from typing import Any

import numpy as np

from st_tf.arch import presets
from st_tf.arch.graph import INPUT, Graph, Node
from st_tf.arch.specs import HeadSpec, SpecError
from st_tf.models import families, keras_files
from st_tf.models.graph import build_graph, read
from st_tf.models.high_resolution import CLASSIFIER, HEAD, STEM

# (mean, deviation) of pixels from 0 to 1 that make what a network was trained on.
PIXELS = {
  'bytes': ((0.0,) * 3, (1 / 255,) * 3),
  'units': ((0.0,) * 3, (1.0,) * 3),
  'signed': ((0.5,) * 3, (0.5,) * 3),
  'imagenet': ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
# What suits a network that is trained already (units and weights with these were ahead of all else on two sets of pictures), or not.
FROM_SCRATCH = {'unit_search': 'scores'}
FINE_TUNING = {**FROM_SCRATCH, 'learning_rate': 0.02, 'batch_size': 32, 'epochs': 10, 'ranking': 'global', 'weight_decay': 4e-5}
_SLOWER = 3  # How much smaller the learning rate is then, of a task that brings an optimizer of its own.
_DROPOUT = 0.2
_LAST = {'classification': 'Dense', 'dense': 'Conv2D'}  # Layers, by the kind of head that they end.
_POOLING = ('GlobalAveragePooling2D', 'GlobalMaxPooling2D', 'Flatten')
_FINAL = frozenset({'softmax', 'sigmoid'})
_MEANS = 'bytes: 0 to 255, units: 0 to 1, signed: -1 to 1, imagenet: normalised by the statistics of ImageNet'


@dataclasses.dataclass(frozen=True)
class Start:
  """A network before its training.

  Attributes:
    graph: it, with the head of a task.
    values: its trained weights by 'layer/variable'; empty where it has none. Layers that are not among them begin at random.
    mean: per channel, that it wants to be subtracted from images in [0, 1].
    deviation: likewise, that they are divided by.
  """

  graph: Graph
  values: Mapping[str, np.ndarray]
  mean: tuple[float, ...]
  deviation: tuple[float, ...]


def start(name: str, weights: str, pixels: str, head: HeadSpec, image_size: tuple[int, int]) -> Start:
  """What a run of the network `name` begins with.

  Args:
    name: one of `presets.FAMILIES`, or keras:FILE.
    weights: as of `families.file_of`; of a file of Keras 'none' leaves its weights where they are.
    pixels: one of `PIXELS`; '' = as the family or the file says.
    head: what the task asks of the network's end.
    image_size: (height, width) of the images, in pixels.

  Raises:
    SpecError: there is no such network, it does not suit the task, or it does not say what pixels it wants.
  """
  if name.startswith(presets.KERAS):
    path = os.path.expanduser(name.removeprefix(presets.KERAS))
    changed = os.stat(path).st_mtime_ns if os.path.exists(path) else 0
    return _of_file(path, weights, pixels, head, tuple(image_size), changed)
  family = families.named(name)
  path = families.file_of(name, weights)
  mean, deviation = PIXELS[pixels] if pixels else (family.mean, family.deviation)
  graph = families.supernet(name, head, image_size)
  values = families.weights(name, path) if path else {}
  return Start(graph, {name: values[name] for name in _variables(graph) if name in values}, mean, deviation)


@functools.lru_cache(maxsize=2)
def _of_file(path: str, weights: str, pixels: str, head: HeadSpec, image_size: tuple[int, int], changed: int) -> Start:
  del changed  # A file that was written anew is another one.
  graph, values = keras_files.load(path)
  mean, deviation = PIXELS[pixels or _wanted_pixels(graph, path)]
  graph, values = _with_head(graph, values, head, image_size, path)
  return Start(graph, {} if weights == 'none' else values, mean, deviation)


def _wanted_pixels(graph: Graph, path: str) -> str:
  """Bytes, where the network begins by bringing them to another scale."""
  first = [node for node in graph.nodes if node.inputs and graph[node.inputs[0]].kind == INPUT]
  if first and all(node.kind in ('Rescaling', 'Normalization') for node in first):
    return 'bytes'
  raise SpecError(f'A network says by --pixels what it was trained on ({_MEANS}). Received: none for {path}.')


def _with_head(
  graph: Graph, values: Mapping[str, np.ndarray], head: HeadSpec, image_size: tuple[int, int], path: str
) -> tuple[Graph, dict[str, np.ndarray]]:
  """(the graph for images of that size with the task's head, its weights)."""
  if len(graph.outputs) != 1:
    raise SpecError(f'A network has one output. Received: {len(graph.outputs)} ({", ".join(graph.outputs)}) in {path}.')
  graph = _without_final(graph)
  end = graph[graph.outputs[0]]
  is_its_own = end.kind == _LAST[head.kind] and end.shape[-1] == head.outputs
  renamed = _renamed(graph, is_its_own)
  graph = _rename(graph, renamed)
  if is_its_own:
    graph = read(build_graph(graph, (*image_size, 3)))[0]
  else:
    graph = _new_top(graph, head, image_size, path)
  given = {}
  for name, value in values.items():
    layer, _, short = name.rpartition('/')
    given[f'{renamed.get(layer, layer)}/{short}'] = value
  return graph, {name: given[name] for name in _variables(graph) if name in given}


def settings(begun: Start, of_task: Mapping[str, Any]) -> dict[str, Any]:
  """The settings that suit a task and what its run begins with; a task that brings an optimizer keeps it, at a smaller learning rate.

  Args:
    begun: a network before its training.
    of_task: settings that suit the task, by name.
  """
  if not begun.values:
    return {**of_task, **FROM_SCRATCH}
  if 'optimizer' not in of_task:
    return {**of_task, **FINE_TUNING}
  return {**FINE_TUNING, **of_task, 'learning_rate': of_task['learning_rate'] / _SLOWER}


def _variables(graph: Graph) -> Iterator[str]:
  """'layer/variable' of a graph, each once."""
  yield from dict.fromkeys(f'{node.layer}/{variable}' for node in graph.nodes for variable in node.weights)


def _renamed(graph: Graph, is_its_own: bool) -> dict[str, str]:
  """New names of the layers that are treated by theirs: the first convolution, a head that stays, and what is called like a new one."""
  kernels = [node for node in graph.nodes if 'kernel' in node.weights]
  names = {} if is_its_own else {node.layer: f'body/{node.layer}' for node in graph.nodes if node.layer.startswith(HEAD)}
  if kernels and not kernels[0].layer.startswith(f'{STEM}/'):
    names[kernels[0].layer] = f'{STEM}/{kernels[0].layer}'
  if is_its_own:
    names[graph[graph.outputs[0]].layer] = CLASSIFIER
  return names


def _rename(graph: Graph, names: Mapping[str, str]) -> Graph:
  def new(name: str) -> str:
    layer, mark, call = name.partition('#')
    return f'{names.get(layer, layer)}{mark}{call}'

  nodes = (dataclasses.replace(node, name=new(node.name), inputs=tuple(new(name) for name in node.inputs)) for node in graph.nodes)
  return Graph(tuple(nodes), tuple(new(name) for name in graph.outputs))


def _without_final(graph: Graph) -> Graph:
  """The network up to its logits."""
  last = graph[graph.outputs[0]]
  if last.kind in ('Softmax', 'Activation') and last.config.get('activation', 'softmax') in _FINAL:
    return _up_to(graph, last.inputs[0])
  if last.config.get('activation') in _FINAL:
    logits = dataclasses.replace(last, config={**last.config, 'activation': 'linear'})
    return Graph(tuple(logits if node is last else node for node in graph.nodes), graph.outputs)
  return graph


def _new_top(graph: Graph, head: HeadSpec, image_size: tuple[int, int], path: str) -> Graph:
  """The network's maps of images of that size under a new head."""
  model = build_graph(_up_to(graph, _maps(graph, path).name), (*image_size, 3))
  return families.under_head(model.input, model.output, head, _DROPOUT)


def _maps(graph: Graph, path: str) -> Node:
  """The last maps of a classifier: what it pools or flattens at its end, or its output where that is maps."""
  node = graph[graph.outputs[0]]
  while node.inputs:
    if node.kind in _POOLING and len(graph[node.inputs[0]].shape) == 3:
      return graph[node.inputs[0]]
    if len(node.shape) == 3 and node.name == graph.outputs[0]:
      return node
    node = graph[node.inputs[0]]
  raise SpecError(f'A classifier pools or flattens maps [height, width, channels] at its end. Received: {path}, which does not.')


def _up_to(graph: Graph, name: str) -> Graph:
  """The part of a graph that makes one node."""
  needed = {name}
  for node in reversed(graph.nodes):
    if node.name in needed:
      needed.update(node.inputs)
  return Graph(tuple(node for node in graph.nodes if node.name in needed or node.kind == INPUT), (name,))

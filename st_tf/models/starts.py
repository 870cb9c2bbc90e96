"""What a run of a network by name or by file begins with: its graph under the task's head, its weights, the pixels it wants."""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
import os
from typing import Any

import numpy as np

from st_tf.arch import presets
from st_tf.arch.graph import INPUT, Graph, Node
from st_tf.arch.specs import HeadSpec, SpecError
from st_tf.models import ends, families, keras_files
from st_tf.models import padding as paddings
from st_tf.models.families import PIXELS
from st_tf.models.graph import build_graph, read

_DROPOUT = 0.2
_USUAL_SIDE = 224
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
    notes: what was done to it, for people.
  """

  graph: Graph
  values: Mapping[str, np.ndarray]
  mean: tuple[float, ...]
  deviation: tuple[float, ...]
  notes: tuple[str, ...] = ()


def of(config: Any, head: HeadSpec, image_size: tuple[int, int]) -> Start:
  """What a run with the settings `config` begins with; see `start`."""
  return start(config.supernet, config.weights, config.pixels, head, image_size, config.padding)


def start(name: str, weights: str, pixels: str, head: HeadSpec, image_size: tuple[int, int], padding: str = '') -> Start:
  """What a run of the network `name` begins with.

  Args:
    name: one of `presets.FAMILIES`, or keras:FILE.
    weights: as of `families.file_of`; of a file of Keras 'none' leaves its weights where they are.
    pixels: one of `PIXELS`; '' = as the family or the file says.
    head: what the task asks of the network's end.
    image_size: (height, width) of the images, in pixels.
    padding: 'symmetric', 'exact' (both as `models.padding` has them), or 'kept'; '' = symmetric where that can make it run sparsely.

  Raises:
    SpecError: there is no such network, it does not suit the task, or it does not say what pixels it wants.
  """
  return _evenly(_as_it_came(name, weights, pixels, head, image_size), padding)


def _as_it_came(name: str, weights: str, pixels: str, head: HeadSpec, image_size: tuple[int, int]) -> Start:
  if name.startswith(presets.KERAS):
    path = os.path.expanduser(name.removeprefix(presets.KERAS))
    return _of_file(path, weights, pixels, head, tuple(image_size), _changed(path))
  path = os.path.expanduser(families.file_of(name, weights, image_size))
  return _of_family(name, path, pixels, head, tuple(image_size), _changed(path))


def located(name: str, weights: str, image_size: tuple[int, int]) -> str:
  """What `weights` comes to on this machine: 'none', or the file that they are read from.

  Args:
    name: as of `start`.
    weights: likewise.
    image_size: likewise.

  Raises:
    SpecError: they are asked for and cannot be had.
  """
  return weights if name.startswith(presets.KERAS) else families.file_of(name, weights, image_size) or families.NONE


def side(name: str) -> int:
  """Side in pixels of the square images that the weights of a network were trained on; of a file that does not say, the usual one.

  Args:
    name: as of `start`.

  Raises:
    SpecError: there is no such network.
  """
  if not name.startswith(presets.KERAS):
    return families.named(name).side
  graph, _ = keras_files.load(os.path.expanduser(name.removeprefix(presets.KERAS)))
  shape = next((node.shape for node in graph.nodes if node.kind == INPUT), ())
  return shape[0] if len(shape) == 3 and shape[0] and shape[0] == shape[1] else _USUAL_SIDE


def check(name: str, weights: str, pixels: str, padding: str = '') -> None:
  """Refuses what no run of a network can begin with, before any data are read.

  Args:
    name: of a preset, a family or a file; '' = the task's own.
    weights: as of `start`.
    pixels: likewise.
    padding: likewise.

  Raises:
    UserError: there is no such network, it is of no such width, or it has no weights.
  """
  if not name:
    return
  presets.check(name)
  own = name.startswith(presets.KERAS)
  if own and weights not in ('', families.NONE):
    raise SpecError(f'A file of Keras brings its weights. Received: --weights={weights} and --supernet={name}. Leave out one.')
  of_trained = {'weights': '' if weights == families.NONE else weights, 'pixels': pixels, 'padding': padding}
  given = next((f'--{setting}={value}' for setting, value in of_trained.items() if value), '')
  if given and not presets.is_graph(name):
    raise SpecError(
      f'Weights, pixels and padding are of networks that can be trained already. Received: {given} and --supernet={name}. Leave it out.'
    )
  if presets.is_graph(name) and not own:
    families.check_has_weights(name, weights)
    if weights not in ('', families.IMAGENET, families.NONE):
      families.check_file(name, weights)


def _changed(path: str) -> int:
  return os.stat(path).st_mtime_ns if path and os.path.exists(path) else 0


@functools.lru_cache(maxsize=2)
def _of_family(name: str, path: str, pixels: str, head: HeadSpec, image_size: tuple[int, int], changed: int) -> Start:
  del changed  # A file that was written anew is another one.
  family = families.named(name)
  graph = families.supernet(name, head, image_size)
  mean, deviation = PIXELS[pixels] if pixels else (family.mean, family.deviation)
  values = families.weights(name, path, graph) if path else {}
  return Start(graph, values, mean, deviation)


def _evenly(begun: Start, padding: str) -> Start:
  """The same with the padding that is asked for, and what that changed."""
  found = paddings.one_sided(begun.graph)
  dense = '' if padding else paddings.dense_anyway(begun.graph)
  if padding == 'kept' or dense:
    why = f'since {dense} keeps the network from running sparsely anyway' if dense else 'as --padding=kept says'
    return dataclasses.replace(begun, notes=_noted(('stays, ' + why, found)))
  new = paddings.symmetric(begun.graph, begun.values, padding == 'exact')
  notes = _noted(
    ('is made symmetric by larger kernels, the function stays', new.exactly),
    ('is made symmetric for sparse inference, training takes it up', new.moved),
    ('stays where sparse inference has no form for the layer', new.left),
  )
  return dataclasses.replace(begun, graph=new.graph, values=new.values, notes=notes)


def _noted(*found: tuple[str, Sequence[paddings.Padded]]) -> tuple[str, ...]:
  return tuple(f'padding on one side {what}: {", ".join(each.layer for each in layers)}' for what, layers in found if layers)


@functools.lru_cache(maxsize=2)
def _of_file(path: str, weights: str, pixels: str, head: HeadSpec, image_size: tuple[int, int], changed: int) -> Start:
  del changed
  graph, values = keras_files.load(path)
  mean, deviation = PIXELS[pixels or _wanted_pixels(graph, path)]
  graph, values = _with_head(graph, values, head, image_size, path)
  return Start(graph, {} if weights == families.NONE else values, mean, deviation)


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
  keeps_end = end.kind == _LAST[head.kind] and end.shape[-1] == head.outputs
  names = ends.of_ends(graph, keeps_end)
  graph = ends.renamed(graph, names)
  if keeps_end:
    graph = read(build_graph(graph, (*image_size, 3)))[0]
  else:
    graph = _new_top(graph, head, image_size, path)
  given = {}
  for name, value in values.items():
    layer, _, short = name.rpartition('/')
    given[f'{names.get(layer, layer)}/{short}'] = value
  variables = dict.fromkeys(f'{node.layer}/{short}' for node in graph.nodes for short in node.weights)
  return graph, {name: given[name] for name in variables if name in given}


def _without_final(graph: Graph) -> Graph:
  """The network up to its logits."""
  last = graph[graph.outputs[0]]
  if last.kind in ('Softmax', 'Activation') and last.config.get('activation', 'softmax') in _FINAL:
    return graph.up_to(last.inputs[0])
  if last.config.get('activation') in _FINAL:
    logits = dataclasses.replace(last, config={**last.config, 'activation': 'linear'})
    return Graph(tuple(logits if node is last else node for node in graph.nodes), graph.outputs)
  return graph


def _new_top(graph: Graph, head: HeadSpec, image_size: tuple[int, int], path: str) -> Graph:
  """The network's maps of images of that size under a new head."""
  model = build_graph(graph.up_to(_maps(graph, path).name), (*image_size, 3))
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

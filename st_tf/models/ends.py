"""What a network begins and ends with, and names that do not change: graphs in the form that the rest of the project expects."""

from collections.abc import Mapping
import dataclasses
import re

from st_tf.arch.graph import INPUT, Graph, Node
from st_tf.models.high_resolution import CLASSIFIER, HEAD, STEM


def of_ends(graph: Graph, keeps_end: bool) -> dict[str, str]:
  """New names of the layers that are treated by theirs: the first convolution, an end that stays, and what is called like a new one.

  Args:
    graph: up to its logits.
    keeps_end: whether its last layer is that of the task.
  """
  kernels = [node for node in graph.nodes if 'kernel' in node.weights]
  names = {} if keeps_end else {node.layer: f'body/{node.layer}' for node in graph.nodes if node.layer.startswith(HEAD)}
  if kernels and not kernels[0].layer.startswith(f'{STEM}/'):
    names[kernels[0].layer] = f'{STEM}/{kernels[0].layer}'
  if keeps_end:
    names[graph[graph.outputs[0]].layer] = CLASSIFIER
  return names


def of_unnamed(graph: Graph) -> dict[str, str]:
  """New names of the layers that Keras has named: counted in their graph, and not over all that the process has built."""
  names: dict[str, str] = {}
  counts: dict[str, int] = {}
  for node in graph.nodes:
    kind = _snake(node.kind)
    given = re.sub(r'_\d+$', '', node.layer)
    if node.kind != INPUT and node.layer not in names and (given == kind or given.startswith('tf.')):
      names[node.layer] = f'{kind}_{counts[kind]}' if counts.get(kind) else kind
      counts[kind] = counts.get(kind, 0) + 1
  return names


def renamed(graph: Graph, names: Mapping[str, str]) -> Graph:
  """The graph with other names of some layers.

  Args:
    graph: which.
    names: old -> new.
  """

  def new(name: str) -> str:
    layer, mark, call = name.partition('#')
    return f'{names.get(layer, layer)}{mark}{call}'

  nodes = (dataclasses.replace(node, name=new(node.name), inputs=tuple(new(name) for name in node.inputs)) for node in graph.nodes)
  return Graph(tuple(nodes), tuple(new(name) for name in graph.outputs))


def without(graph: Graph, kind: str) -> Graph:
  """The graph without its nodes of a kind that have one input, which is read in their place."""
  source: dict[str, str] = {}
  nodes: list[Node] = []
  for node in graph.nodes:
    inputs = tuple(source.get(name, name) for name in node.inputs)
    if node.kind == kind:
      source[node.name] = inputs[0]
    else:
      nodes.append(dataclasses.replace(node, inputs=inputs))
  return Graph(tuple(nodes), tuple(source.get(name, name) for name in graph.outputs))


def _snake(kind: str) -> str:
  """A layer's kind as Keras makes a name of it: 're_lu' of ReLU, 'conv2d' of Conv2D."""
  return re.sub('([a-z])([A-Z])', r'\1_\2', re.sub('(.)([A-Z][a-z0-9]+)', r'\1_\2', kind)).lower()

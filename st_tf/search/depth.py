"""Blocks of which no unit is left: a graph without them, where a skip goes past each.

What read the units of such a block reads nothing any more and says the same everywhere: a constant per channel, which its
batch norms move. Where a sum adds that to a skip, the sum becomes a shift of the skip; so depth is searched as width is.
"""

from collections.abc import Iterable, Mapping
import dataclasses

import numpy as np

from st_tf.arch.graph import Graph, Node

SHIFT = 'ChannelShift'
_NORM = 'BatchNormalization'
_PASSING = ('Dropout', 'CountedDropout', 'SpatialDropout2D', 'StochasticDepth')
_SILENT, _CONSTANT, _OPAQUE = 'silent', 'constant', 'opaque'  # No channel; the same everywhere; the same, of a value that is not known.


@dataclasses.dataclass(frozen=True)
class Emptied:
  """What the units that are gone leave of a graph.

  Attributes:
    fits: whether all that is left can be built.
    states: of the nodes that read nothing that changes, by name.
    shifts: sums by name, each with the nodes whose constants it adds.
  """

  fits: bool
  states: Mapping[str, str]
  shifts: Mapping[str, tuple[str, ...]]


def emptied(graph: Graph, silent: Iterable[str]) -> Emptied:
  """What becomes of a graph.

  Args:
    graph: with the nodes that have no channel left.
    silent: their names.
  """
  silent = set(silent)
  states: dict[str, str] = {}
  shifts: dict[str, tuple[str, ...]] = {}
  fits = True
  for node in graph.nodes:
    if node.name in silent:
      states[node.name] = _SILENT
      continue
    of_inputs = [states.get(name, '') for name in node.inputs]
    if not any(of_inputs):
      continue
    if all(of_inputs):
      states[node.name] = _state(node, of_inputs)
    elif node.kind == 'Add' and all(state in ('', _CONSTANT) for state in of_inputs) and _is_simple(graph, node):
      constants = tuple(name for name in node.inputs if states.get(name))
      shifts[node.name] = constants
    else:
      fits = False
  return Emptied(fits and not any(states.get(name) for name in graph.outputs), states, shifts)


def without_empty(graph: Graph, left: Emptied) -> Graph:
  """The graph without what reads nothing; a sum with one input left is this input, shifted.

  Args:
    graph: whose nodes have the channels that are left.
    left: from `emptied`, of the same nodes.
  """
  nodes: list[Node] = []
  now: dict[str, str] = {}  # What a node is called that is read in the place of another.
  for node in graph.nodes:
    if node.name in left.states:
      continue
    inputs = tuple(now.get(name, name) for name in node.inputs if name not in left.states)
    if node.name not in left.shifts:
      nodes.append(dataclasses.replace(node, inputs=inputs))
      continue
    name = _shift_of(graph, node.name)
    if len(inputs) > 1:
      nodes.append(dataclasses.replace(node, inputs=inputs))
      inputs = (node.name,)
    nodes.append(Node(name, SHIFT, {}, inputs, node.shape, {'shift': (node.shape[-1],)}))
    now[node.name] = name
  outputs = tuple(now.get(name, name) for name in graph.outputs)
  return Graph(tuple(nodes), outputs).up_to(*outputs)


def constants(graph: Graph, left: Emptied, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """What each new layer adds, by 'layer/shift', of the variables that the graph had.

  Args:
    graph: as it was.
    left: from `emptied`.
    values: its variables by 'layer/variable'.
  """
  added = {_shift_of(graph, total): [_value(graph, name, values) for name in names] for total, names in left.shifts.items()}
  return {f'{shift}/shift': np.sum(found, 0).astype(np.float32) for shift, found in added.items()}


def _state(node: Node, of_inputs: list[str]) -> str:
  if node.kind in (_NORM, *_PASSING) and of_inputs == [_CONSTANT]:
    return _CONSTANT
  makes = any(name.endswith('kernel') for name in node.weights)
  return _CONSTANT if makes and of_inputs == [_SILENT] and node.config.get('activation') in ('linear', '', None) else _OPAQUE


def _is_simple(graph: Graph, node: Node) -> bool:
  """Whether a sum adds maps of one shape, in a layer that is called once."""
  return len({graph[name].shape for name in node.inputs}) == 1 and node.name == node.layer


def _value(graph: Graph, name: str, values: Mapping[str, np.ndarray]) -> np.ndarray:
  """The constant that a node gives, per channel; behind a norm its offset, which is what the block says on average."""
  node = graph[name]
  if node.kind in _PASSING:
    return _value(graph, node.inputs[0], values)
  short = 'beta' if node.kind == _NORM else 'bias'
  return values.get(f'{node.layer}/{short}', np.zeros(node.shape[-1])).astype(np.float64)


def _shift_of(graph: Graph, total: str) -> str:
  """The name of the layer that shifts what a sum adds to."""
  name = f'{total}/shift'
  while name in graph.by_name:
    name = f'{name}+'
  return name

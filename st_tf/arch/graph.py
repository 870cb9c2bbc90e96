"""Any network as data: the layers of one flat functional graph, and what each of them reads.

Nothing here needs TensorFlow. A `Graph` has layers of the kinds that Keras itself brings, so that it survives a round trip
through JSON without any code in it; `models.graph` reads one from a Keras model and builds the model again.
"""

from collections.abc import Mapping
import dataclasses
from typing import Any

from st_tf import plain
from st_tf.arch.specs import ArchSpec, SpecError

INPUT = 'InputLayer'
_MOST_NODES = 20_000  # Networks of 1,000 layers have 3,000.
_AGAIN = '#'  # 'name#2' is the second call of layer 'name'.


@dataclasses.dataclass(frozen=True)
class Node:
  """One call of one layer.

  Attributes:
    name: unique in its graph; the layer's, with a number from its second call on.
    kind: the layer's class, as Keras names it.
    config: the arguments that make it, without those that only matter to a first training (initial values, regularisation).
    inputs: names of the nodes that it reads, in order.
    shape: of its output without the batch.
    weights: shape of each variable of the layer by its short name, such as 'kernel'.
  """

  name: str
  kind: str
  config: Mapping[str, Any]
  inputs: tuple[str, ...]
  shape: tuple[int | None, ...]
  weights: Mapping[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)

  @property
  def layer(self) -> str:
    """Name of the layer that is called."""
    return self.name.partition(_AGAIN)[0]


@dataclasses.dataclass(frozen=True)
class Graph:
  """A network with one input.

  Attributes:
    nodes: its calls of layers, each after what it reads.
    outputs: names of the nodes that it returns.
  """

  nodes: tuple[Node, ...]
  outputs: tuple[str, ...]

  def __post_init__(self):
    known: set[str] = set()
    _require(len(self.nodes) <= _MOST_NODES, f'A graph has at most {_MOST_NODES:,} nodes.', f'{len(self.nodes):,}')
    for node in self.nodes:
      of_code = next((name for name, value in node.config.items() if not _is_data(value)), None)
      _require(of_code is None, 'Settings of layers are numbers, words and lists of them.', f'{of_code} of {node.name}')
      _require(node.name not in known, 'Nodes have names of their own.', node.name)
      _require(known.issuperset(node.inputs), 'A node comes after what it reads.', f'{node.name}, which reads {", ".join(node.inputs)}')
      known.add(node.name)
    _require(bool(self.outputs) and known.issuperset(self.outputs), 'The outputs are nodes of the graph.', self.outputs)
    _require(sum(node.kind == INPUT for node in self.nodes) == 1, 'A network has one input.', self.inputs)

  def __hash__(self) -> int:
    return hash((*(node.name for node in self.nodes), *(node.shape for node in self.nodes)))

  def __getitem__(self, name: str) -> Node:
    """The node of that name."""
    return self.by_name[name]

  @property
  def by_name(self) -> dict[str, Node]:
    """The nodes by name."""
    return {node.name: node for node in self.nodes}

  @property
  def inputs(self) -> tuple[str, ...]:
    """Names of what images enter by."""
    return tuple(node.name for node in self.nodes if node.kind == INPUT)

  def up_to(self, *names: str) -> 'Graph':
    """The part of it that makes these nodes, which are its outputs."""
    needed = set(names)
    for node in reversed(self.nodes):
      if node.name in needed:
        needed.update(node.inputs)
    return Graph(tuple(node for node in self.nodes if node.name in needed or node.kind == INPUT), names)

  def to_json(self) -> dict[str, Any]:
    """Plain lists, numbers and strings; `from_json` is the inverse."""
    return {'nodes': [dataclasses.asdict(node) for node in self.nodes], 'outputs': list(self.outputs)}

  @classmethod
  def from_json(cls, data: Mapping[str, Any] | str) -> 'Graph':
    """The network described by `to_json`'s result or by its text.

    Raises:
      SpecError: it describes none.
    """
    try:
      data = plain.parse(data) if isinstance(data, str | bytes) else data
      nodes = tuple(
        Node(
          name=node['name'],
          kind=node['kind'],
          config=dict(node['config']),
          inputs=tuple(node['inputs']),
          shape=tuple(node['shape']),
          weights={name: tuple(shape) for name, shape in node['weights'].items()},
        )
        for node in _nodes(data)
      )
      return cls(nodes, tuple(data['outputs']))
    except SpecError:
      raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
      raise SpecError(f'A graph has the fields and types that to_json writes. Received: {type(error).__name__}: {error}.') from error


def _nodes(data: Any) -> list[Mapping[str, Any]]:
  for index, node in enumerate(data['nodes']):
    plain.check_whole(node, Node, f'node {index}')
  plain.check(data['outputs'], list[str], 'outputs')
  return data['nodes']


Architecture = ArchSpec | Graph  # The high-resolution network, or any other.


def architecture(data: Mapping[str, Any]) -> Architecture:
  """The network that `to_json` of either kind described.

  Raises:
    SpecError: it describes none.
  """
  return Graph.from_json(data) if isinstance(data, Mapping) and 'nodes' in data else ArchSpec.from_json(data)


def call_name(layer: str, call: int) -> str:
  """Name of the node that is the call number `call` of a layer, counted from 0."""
  return f'{layer}{_AGAIN}{call + 1}' if call else layer


def _is_data(value: Any) -> bool:
  """Whether a setting names nothing that Keras would go and import."""
  return all(map(_is_data, value)) if isinstance(value, list | tuple) else isinstance(value, str | int | float | None)


def _require(condition: bool, rule: str, received: Any) -> None:
  if not condition:
    raise SpecError(f'{rule} Received: {received}.')

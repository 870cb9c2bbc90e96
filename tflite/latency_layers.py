"""The small networks from which latencies of a graph's layers are read.

A layer is measured with the padding before it and the activation behind it, as runtimes melt them together, at several shares of
the units that may go. Several copies stand side by side between a strided stem and spatial means, where runtimes execute
sparsely; what the second to the last copy add, shared out among them, is what one takes.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import json
from typing import Any

import numpy as np

from st_tf.arch.graph import INPUT, Graph, Node
from st_tf.errors import UserError
from st_tf.models.graph import build_graph
from st_tf.search.analysis import analyse
from st_tf.search.channels import Channels
from st_tf.search.prices import layer_macs
from tflite.deployment import deployment
from tflite.file.encode import encode
from tflite.latency_graphs import COPIES, Meter, thinned

_ACTIVATIONS = ('Activation', 'ReLU', 'LeakyReLU', 'ELU')


@dataclasses.dataclass(frozen=True)
class Layers:
  """What a table of a graph is made of.

  Attributes:
    graph: the supernet.
    fractions: shares of the units at which layers are measured.
    meter: measures.
  """

  graph: Graph
  fractions: tuple[float, ...]
  meter: Meter

  def entries(self) -> list[dict[str, Any]]:
    """What is measured: layers that are alike together, with their MACs at each share of the units.

    Raises:
      UserError: a layer reads neither maps nor vectors.
    """
    channels = analyse(self.graph)
    touched = dict.fromkeys(layer for group in channels.searchable() for layer in channels.layers_of(group))
    found: dict[str, dict[str, Any]] = {}
    shares = [(layer_macs(smaller), smaller.graph) for smaller in (analyse(_left(channels, fraction)) for fraction in self.fractions)]
    for layer in touched:
      at = {macs[layer]: _operation(graph, layer) for macs, graph in shares}
      calls = sum(node.layer == layer for node in self.graph.nodes)
      entry = {'operation': {'calls': calls, 'at': [at[macs] for macs in sorted(at)]}, 'layers': [], 'macs': sorted(at)}
      found.setdefault(json.dumps(entry, sort_keys=True), entry)['layers'].append(layer)
    return list(found.values())

  def times(self, entry: Mapping[str, Any]) -> list[float]:
    """Milliseconds of an entry's layer at each of its MACs; noise can make one negative."""
    pairs = [(operation, copies) for operation in entry['operation']['at'] for copies in (1, COPIES)]
    times = self._measured([harness(*pair) for pair in pairs])
    return [entry['operation']['calls'] * (many - one) / (COPIES - 1) for one, many in zip(times[::2], times[1::2])]

  def networks(self, entries: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """(milliseconds of what no unit carries, of the network as it is).

    Args:
      entries: all of them, with their milliseconds.
    """
    channels = analyse(self.graph)
    least = _left(channels, 0.0)
    smallest, whole = self._measured([least, self.graph])
    macs = layer_macs(analyse(least))
    carried = sum(
      float(np.interp(macs[layer], (0, *entry['macs']), (0.0, *entry['milliseconds']))) for entry in entries for layer in entry['layers']
    )
    return max(smallest - carried, 0.0), whole

  def _measured(self, graphs: Sequence[Graph]) -> list[float]:
    shape = graphs[0][graphs[0].inputs[0]].shape
    contents = []
    for graph in graphs:
      network = deployment(thinned(build_graph(graph), self.meter.density))
      contents.append(encode(network.function, shape, sparse=self.meter.sparse, variables=network.variables))
    return [measured.latency for measured in self.meter.timed(contents, shape)]


def harness(operation: Mapping[str, Any], copies: int) -> Graph:
  """A network of a stem, so many copies of a layer side by side, and a spatial mean of each.

  Args:
    operation: of an entry.
    copies: how often.
  """
  *size, channels = operation['reads']
  height, width = size or (1, 1)
  stem = {'filters': channels, 'kernel_size': [3, 3], 'strides': [2, 2]}
  nodes = [
    Node('image', INPUT, {}, (), (2 * height, 2 * width, 3)),
    Node('stem_pad', 'ZeroPadding2D', {'padding': [[1, 1], [1, 1]]}, ('image',), (2 * height + 2, 2 * width + 2, 3)),
    Node('stem', 'Conv2D', stem, ('stem_pad',), (height, width, channels), {'kernel': (3, 3, 3, channels)}),
    Node('stem_act', 'Activation', {'activation': 'relu'}, ('stem',), (height, width, channels)),
  ]
  if not size:
    nodes.append(Node('mean', 'GlobalAveragePooling2D', {}, ('stem_act',), (channels,)))
  begin, ends = nodes[-1].name, []
  for copy in range(copies):
    name, shape = begin, tuple(operation['writes'])
    if operation['pads']:
      nodes.append(Node(f'pad{copy}', 'ZeroPadding2D', {'padding': operation['pads']}, (name,), ()))
      name = nodes[-1].name
    nodes.append(Node(f'layer{copy}', operation['kind'], operation['config'], (name,), shape, operation['weights']))
    if operation['activation']:
      kind, config = operation['activation']
      nodes.append(Node(f'act{copy}', kind, config, (nodes[-1].name,), shape))
    if size:
      nodes.append(Node(f'mean{copy}', 'GlobalAveragePooling2D', {}, (nodes[-1].name,), shape[-1:]))
    ends.append(nodes[-1].name)
  if copies > 1:
    nodes.append(Node('ends', 'Concatenate', {'axis': -1}, tuple(ends), (copies * operation['writes'][-1],)))
  return Graph(tuple(nodes), (nodes[-1].name,))


def _left(channels: Channels, fraction: float) -> Graph:
  """The graph with that share of the units of each searchable group, at least one."""
  return channels.shrunk({group.name: np.arange(group.units) < max(round(fraction * group.units), 1) for group in channels.searchable()})


def _operation(graph: Graph, layer: str) -> dict[str, Any]:
  """What one call of a layer is, as JSON has it."""
  node = graph[layer]
  source = graph[node.inputs[0]]
  pads: Any = []
  if source.kind == 'ZeroPadding2D':
    pads, source = source.config['padding'], graph[source.inputs[0]]
  if len(source.shape) not in (1, 3):
    raise UserError(
      f'A latency table is of layers that read maps [height, width, channels] or vectors. Received: {layer} ({node.kind}), which reads'
      f' {source.shape}. Search this network by --target_macs.'
    )
  activation = _behind(graph, node)
  described = {
    'kind': node.kind,
    'config': node.config,
    'reads': source.shape,
    'writes': node.shape,
    'weights': node.weights,
    'pads': pads,
    'activation': [activation.kind, activation.config] if activation else [],
  }
  return json.loads(json.dumps(described))


def _behind(graph: Graph, node: Node) -> Node | None:
  """The activation that alone reads a node, or the norm that alone reads it."""
  readers = [other for other in graph.nodes if node.name in other.inputs]
  if len(readers) != 1 or node.name in graph.outputs:
    return None
  if readers[0].kind == 'BatchNormalization':
    return _behind(graph, readers[0])
  return readers[0] if readers[0].kind in _ACTIVATIONS else None

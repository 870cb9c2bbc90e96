"""Every per-channel scale and shift melts into a convolution beside it.

A batch norm left after a sum gives wrong numbers in sparse mobile inference, and one left anywhere keeps it from starting.
"""

import numpy as np

from tflite.deploy.graph import Graph, Node, until_done


def fold_affines(graph: Graph) -> Graph:
  """The same function without 'affine' nodes.

  One after a convolution scales its kernel. One after a sum goes to each summand, its shift to a convolution. A bare shift beside
  other summands goes to one of them that is a convolution. One that only 1x1 convolutions read goes into those. What is left
  becomes a depthwise convolution whose kernel is zero but for its centre.
  """
  return until_done(_step, graph)


def shifted(graph: Graph, name: str, shift: np.ndarray) -> Graph:
  """`graph` with a constant [channels] added to what `name` gives."""
  node = graph[name]
  affine = Node(f'{name}/shifted', 'affine', (f'{name}/bare',), node.shape, arrays={'scale': np.ones_like(shift), 'shift': shift})
  return graph.replaced({name: (node.having(name=f'{name}/bare'), affine)}, {name: affine.name})


def _step(graph: Graph) -> Graph | None:
  for node in graph.nodes:
    if node.op == 'affine':
      for way in (_into_convolution, _into_summands, _beside, _into_readers):
        better = way(graph, node)
        if better is not None:
          return better
      return _as_depthwise(graph, node)
  return None


def _into_convolution(graph: Graph, node: Node) -> Graph | None:
  source = graph[node.inputs[0]]
  if source.op not in ('conv', 'depthwise', 'dense') or graph.sole_reader(source.name) is None:
    return None
  changed = source.having(kernel=source['kernel'] * node['scale'], bias=source['bias'] * node['scale'] + node['shift'])
  return graph.replaced({source.name: (changed,), node.name: ()}, {node.name: source.name})


def _into_summands(graph: Graph, node: Node) -> Graph | None:
  source = graph[node.inputs[0]]
  if source.op != 'add' or graph.sole_reader(source.name) is None:
    return None
  nodes, inputs = [], []
  shifted_one = next((index for index, name in enumerate(source.inputs) if _takes_shift(graph, name)), 0)
  for index, name in enumerate(source.inputs):
    inputs.append(f'{node.name}/{index}')
    shift = node['shift'] if index == shifted_one else np.zeros_like(node['shift'])
    nodes.append(node.having(name=inputs[-1], inputs=(name,), shift=shift))
  return graph.replaced({source.name: (*nodes, source.having(inputs=tuple(inputs))), node.name: ()}, {node.name: source.name})


def _beside(graph: Graph, node: Node) -> Graph | None:
  """A bare shift of one summand is as well a shift of another."""
  reader = graph.sole_reader(node.name)
  if reader is None or reader.op != 'add' or not np.all(node['scale'] == 1):
    return None
  for name in reader.inputs:
    if name != node.name and _takes_shift(graph, name):
      moved = node.having(name=f'{node.name}/moved', inputs=(name,))
      inputs = tuple(moved.name if other == name else other for other in reader.inputs)
      return graph.replaced({node.name: (), reader.name: (moved, reader.having(inputs=inputs))}, {node.name: node.inputs[0]})
  return None


def _takes_shift(graph: Graph, name: str) -> bool:
  node = graph[name]
  if graph.sole_reader(name) is None:
    return False
  return node.op in ('conv', 'depthwise') or (node.op == 'add' and any(_takes_shift(graph, other) for other in node.inputs))


def _into_readers(graph: Graph, node: Node) -> Graph | None:
  readers = graph.readers(node.name)
  if node.name == graph.output or not all(reader.op == 'dense' or (reader.is_pointwise and not reader['pad']) for reader in readers):
    return None
  changes: dict[str, tuple[Node, ...]] = {node.name: ()}
  for reader in readers:
    kernel = reader['kernel'] * node['scale'][:, None]
    changes[reader.name] = (reader.having(kernel=kernel, bias=reader['bias'] + _through(reader['kernel'], node['shift'])),)
  return graph.replaced(changes, {node.name: node.inputs[0]})


def _through(kernel: np.ndarray, values: np.ndarray) -> np.ndarray:
  """What a 1x1 or dense kernel [..., in, out] makes of constants [in]."""
  return values @ kernel.reshape(kernel.shape[-2:])


def _as_depthwise(graph: Graph, node: Node) -> Graph:
  kernel = np.zeros((3, 3, *node['scale'].shape))
  kernel[1, 1] = node['scale']
  arrays = {'kernel': kernel, 'bias': node['shift']}
  return graph.replaced({node.name: (Node(node.name, 'depthwise', node.inputs, node.shape, {'stride': 1, 'pad': 1}, arrays),)})

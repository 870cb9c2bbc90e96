"""Padding on one side, as most pretrained networks have it, made symmetric, as sparse inference on phones wants it.

A stride of 2 meets an even size: 'same' then pads below and on the right only, and so does ZeroPadding2D(((0, 1), (0, 1))) before
'valid'. Runtimes skip zeros only where padding is the same on all sides. A 3x3 kernel that is padded on one side is a 5x5 kernel,
padded by 2 on all sides, with the 3x3 in its lower right corner: the same function, at 25/9 of the layer's work. Without that
the kernel moves by a pixel, which fine-tuning takes up.
"""

from collections.abc import Mapping
import dataclasses

import numpy as np

from st_tf.arch.graph import Graph, Node
from st_tf.arch.specs import SpecError

_PAD = 'ZeroPadding2D'
_KERNELS = {'Conv2D': 'kernel', 'DepthwiseConv2D': 'depthwise_kernel'}
_POOLING = ('MaxPooling2D', 'AveragePooling2D')
_ELSE = ('SeparableConv2D', 'Conv2DTranspose', 'GroupedConv2D')
_LARGEST = 5  # Depthwise kernels of more than this side have no sparse form.


@dataclasses.dataclass(frozen=True)
class Padded:
  """A convolution with what is added around its maps.

  Attributes:
    layer: its name.
    kernel: (height, width) of its kernel.
    size: (height, width) of the maps before any padding.
    pads: ((above, below), (left, right)).
  """

  layer: str
  kernel: tuple[int, int]
  size: tuple[int, int]
  pads: tuple[tuple[int, int], tuple[int, int]]

  @property
  def is_one_sided(self) -> bool:
    """Whether it is not the same on both sides."""
    return any(before != after for before, after in self.pads)

  def __str__(self) -> str:
    (above, below), (left, right) = self.pads
    size = f'{self.kernel[0]}x{self.kernel[1]} at {self.size[0]}x{self.size[1]}'
    return f'{self.layer} ({size}: {above} above, {below} below, {left} left, {right} right)'


@dataclasses.dataclass(frozen=True)
class Symmetric:
  """A network of which padding was made symmetric.

  Attributes:
    graph: it.
    values: its weights by 'layer/variable'.
    exactly: layers that were padded on one side and compute what they did.
    moved: layers whose kernels lie elsewhere over their maps, by a pixel or two; training takes it up.
    left: layers that are padded on one side still.
  """

  graph: Graph
  values: Mapping[str, np.ndarray]
  exactly: tuple[Padded, ...] = ()
  moved: tuple[Padded, ...] = ()
  left: tuple[Padded, ...] = ()


def one_sided(graph: Graph) -> tuple[Padded, ...]:
  """The convolutions that are not padded alike on both sides.

  Args:
    graph: for images of a fixed size.

  Raises:
    SpecError: the size is not fixed.
  """
  return tuple(found for found in (_padded(graph, node) for node in graph.nodes) if found and found.is_one_sided)


def symmetric(graph: Graph, values: Mapping[str, np.ndarray], exact: bool = False, largest: int = _LARGEST) -> Symmetric:
  """The network with symmetric padding where sparse inference has a form for the layer; other layers stay as they are.

  Strides under 'same' become explicit padding too where they are symmetric already, which is the same function.

  Args:
    graph: for images of a fixed size.
    values: its weights by 'layer/variable'.
    exact: whether depthwise kernels grow so that they compute what they did, instead of moving.
    largest: side of the largest depthwise kernel that is made.

  Raises:
    SpecError: the size is not fixed.
  """
  rewriting = _Rewriting(graph, values, exact, largest)
  for node in graph.nodes:
    rewriting.take(node)
  return rewriting.result()


def dense_anyway(graph: Graph) -> str:
  """The first layer with which no padding makes a network run sparsely; empty where there is none."""
  readers = [name for node in graph.nodes for name in node.inputs]
  return next(
    (f'{node.layer} ({node.kind})' for node in graph.nodes if node.name in (*readers, *graph.outputs) and _is_dense(graph, node)), ''
  )


def _is_dense(graph: Graph, node: Node) -> bool:
  if node.kind == 'Conv2D':
    pointwise = tuple(node.weights['kernel'][:2]) == (1, 1)
    return node.config.get('groups', 1) > 1 or not (pointwise or _is_stem(node))
  if node.kind == 'DepthwiseConv2D':
    return max(node.weights['depthwise_kernel'][:2]) > _LARGEST or node.weights['depthwise_kernel'][-1] > 1
  if node.kind in ('Add', 'Multiply'):  # A gate, as of squeeze and excite.
    return len({graph[name].shape for name in node.inputs}) > 1
  return node.kind in (*_POOLING, *_ELSE) or (node.kind == 'UpSampling2D' and node.config.get('interpolation') != 'bilinear')


def _is_stem(node: Node) -> bool:
  return tuple(node.weights['kernel'][:3]) == (3, 3, 3) and tuple(node.config['strides']) == (2, 2)


def _padded(graph: Graph, node: Node) -> Padded | None:
  """How a convolution is padded; None of anything else, and of what is dilated."""
  variable = _KERNELS.get(node.kind)
  config = node.config
  if variable is None or config.get('data_format', 'channels_last') != 'channels_last':
    return None
  if any(rate != 1 for rate in config.get('dilation_rate', (1, 1))):
    return None
  kernel = tuple(node.weights[variable][:2])
  source = graph[node.inputs[0]]
  pads = ((0, 0), (0, 0))
  if source.kind == _PAD:
    pads, source = tuple(map(tuple, source.config['padding'])), graph[source.inputs[0]]
  size = source.shape[:2]
  if None in size:
    raise SpecError(f'Padding is known for images of a fixed size. Received: {node.layer}, which reads {source.shape}.')
  if config.get('padding') == 'same':
    pads = tuple(_with_same(*each) for each in zip(pads, size, kernel, config['strides'], strict=True))
  return Padded(node.layer, kernel, size, pads)


def _with_same(pads: tuple[int, int], size: int, kernel: int, stride: int) -> tuple[int, int]:
  """What 'same' adds around maps that are padded by `pads` already, as TensorFlow does it, with these."""
  size += sum(pads)
  total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
  return pads[0] + total // 2, pads[1] + total - total // 2


class _Rewriting:
  """Goes through the graph once."""

  def __init__(self, graph: Graph, values: Mapping[str, np.ndarray], exact: bool, largest: int):
    self._graph, self._values, self._exact, self._largest = graph, dict(values), exact, largest
    layers = [node.layer for node in graph.nodes]
    self._once = {layer for layer in layers if layers.count(layer) == 1}
    self._names = {node.name for node in graph.nodes}
    self._nodes: list[Node] = []
    self._done: dict[str, list[Padded]] = {'exactly': [], 'moved': [], 'left': []}

  def take(self, node: Node) -> None:
    found = _padded(self._graph, node)
    strided_same = found and node.config['padding'] == 'same' and max(node.config['strides']) > 1
    if not found or not (found.is_one_sided or strided_same):
      self._nodes.append(node)
      return
    pad, way = self._way(node, found)
    if pad is None:
      self._nodes.append(node)
    else:
      self._write(node, found, pad, way)
    if found.is_one_sided:
      self._done[way].append(found)

  def result(self) -> Symmetric:
    read = {name for node in self._nodes for name in node.inputs} | set(self._graph.outputs)
    nodes = tuple(node for node in self._nodes if node.kind != _PAD or node.name in read)
    return Symmetric(Graph(nodes, self._graph.outputs), self._values, **{way: tuple(found) for way, found in self._done.items()})

  def _way(self, node: Node, found: Padded) -> tuple[int | None, str]:
    """(what to pad by on every side, None = as it is; what comes of it)."""
    if node.layer not in self._once:
      return None, 'left'
    if not found.is_one_sided:
      same = len({before for before, _ in found.pads}) == 1
      return (found.pads[0][0] if same else None), 'exactly'
    wide = max(max(before, size - 1 - before) for size, (before, _) in zip(found.kernel, found.pads))
    narrow = (found.kernel[0] - 1) // 2
    fits = all((size - 1) // step + 1 == out for size, step, out in zip(found.size, node.config['strides'], node.shape))
    square = found.kernel[0] == found.kernel[1]
    is_odd = square and found.kernel[0] % 2 == 1
    if not fits:
      return None, 'left'
    if node.kind == 'DepthwiseConv2D':
      if 2 * wide + 1 <= self._largest and (self._exact or not is_odd):
        return wide, 'exactly'
      return (narrow, 'moved') if is_odd and found.kernel[0] <= self._largest else (None, 'left')
    return (narrow, 'moved') if _is_stem(node) else (None, 'left')

  def _write(self, node: Node, found: Padded, pad: int, way: str) -> None:
    source = self._graph[node.inputs[0]]
    before = self._graph[source.inputs[0]] if source.kind == _PAD else source
    if pad:
      (height, width, channels), name = before.shape, self._pad_name(node, source)
      config = {'padding': [[pad, pad], [pad, pad]], 'data_format': 'channels_last'}
      self._nodes.append(Node(name, _PAD, config, (before.name,), (height + 2 * pad, width + 2 * pad, channels)))
      before = self._nodes[-1]
    node = dataclasses.replace(node, inputs=(before.name,), config={**node.config, 'padding': 'valid'})
    if way == 'exactly' and found.is_one_sided:
      node = self._grown(node, found, pad)
    self._nodes.append(node)

  def _pad_name(self, node: Node, source: Node) -> str:
    if source.kind == _PAD and sum(source.name in other.inputs for other in self._graph.nodes) == 1:
      self._nodes = [other for other in self._nodes if other.name != source.name]
      return source.name
    name = f'{node.layer}_pad'
    while name in self._names:
      name += '_'
    self._names.add(name)
    return name

  def _grown(self, node: Node, found: Padded, pad: int) -> Node:
    """The layer with its kernel where it was over its maps, in a larger one of zeros."""
    side, variable = 2 * pad + 1, _KERNELS[node.kind]
    shape = (side, side, *node.weights[variable][2:])
    name = f'{node.layer}/{variable}'
    if name in self._values:
      value = np.asarray(self._values[name])
      grown = np.zeros(shape, value.dtype)
      top, left = (pad - before for before, _ in found.pads)
      grown[top : top + found.kernel[0], left : left + found.kernel[1]] = value
      self._values[name] = grown
    return dataclasses.replace(node, config={**node.config, 'kernel_size': [side, side]}, weights={**node.weights, variable: shape})

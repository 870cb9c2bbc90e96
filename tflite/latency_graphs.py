"""The small networks from which latencies of single operations are read.

Runtimes execute sparsely only from a strided stem to a spatial mean, so that an operation cannot be timed alone. Several copies
of it stand side by side between the two, as the kernels of a block do; what the second to the last copy add, shared out among
them, is what one takes.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
from typing import Any

import numpy as np
import tf_keras as keras

from st_tf.arch.specs import ArchSpec, BlockSpec, HeadSpec, layout
from st_tf.models import build, named_variables
from st_tf.models.variables import layers
from tflite.deploy import deployed
from tflite.deploy.emit import emit
from tflite.deploy.graph import Graph, Node
from tflite.deploy.simplify import repeat_pixels
from tflite.file.encode import encode
from tflite.runtimes.measured import Measured

COPIES = 5


@dataclasses.dataclass(frozen=True)
class Operation:
  """One kernel of a search block: expansion, depthwise convolution, projection.

  Attributes:
    kernel: side of the depthwise kernel.
    stride: of the same, 1 or 2.
    in_channels: channels it reads.
    units: channels in between, in the supernet.
    out_channels: channels it writes.
    height: of what it reads, in pixels.
    width: of the same.
  """

  kernel: int
  stride: int
  in_channels: int
  units: int
  out_channels: int
  height: int
  width: int


def operations(arch: ArchSpec, head: HeadSpec, image_size: int) -> dict[Operation, list[str]]:
  """The operations of a supernet, each with the names of the groups that are such ones.

  Args:
    arch: the supernet.
    head: its head.
    image_size: side of the images it reads, in pixels.
  """
  shapes = {layer.name: outer.output_shape for outer, layer in layers(build(arch, head, (image_size, image_size, 3)))}
  groups: dict[Operation, list[str]] = {}
  for block in layout(arch, head):
    for kernel, units in block.spec.kernels:
      name = f'{block.name}/k{kernel}'
      height, width = shapes[f'{name}/expand'][1:3]
      operation = Operation(kernel, block.stride, block.in_channels, units, block.out_channels, height, width)
      groups.setdefault(operation, []).append(name)
  return groups


@dataclasses.dataclass(frozen=True)
class Meter:
  """Measures operations on a runtime.

  Attributes:
    measure: of the runtime.
    density: share of the 1x1 weights that is not zero.
    sparse: whether they are stored without their zeros.
    activation: of the network.
    rounds: how often each model is timed.
  """

  measure: Callable[[Sequence[bytes], np.ndarray, int], list[Measured]]
  density: float
  sparse: bool
  activation: str
  rounds: int

  def times(self, operation: Operation, units: Sequence[int]) -> list[float]:
    """Milliseconds of an operation with each number of units; noise can make one negative."""
    pairs = [(dataclasses.replace(operation, units=count), copies) for count in units for copies in (1, COPIES)]
    measured = self._measured([harness(*pair, self.activation, self.density) for pair in pairs])
    return [(many.latency - one.latency) / (COPIES - 1) for one, many in zip(measured[::2], measured[1::2])]

  def networks(self, arch: ArchSpec, head: HeadSpec, image_size: int) -> tuple[float, float]:
    """Milliseconds of the supernet (without any unit, as it is)."""
    empty = arch.with_searched({block.name: BlockSpec(()) for block in layout(arch, head)})
    shape = (image_size, image_size, 3)
    # As they are exported: a map must end where sparse inference may.
    graphs = [repeat_pixels(deployed(thinned(build(each, head, shape), self.density))) for each in (empty, arch)]
    measured = self._measured(graphs)
    return measured[0].latency, measured[1].latency

  def timed(self, contents: Sequence[bytes], shape: tuple[int, ...]) -> list[Measured]:
    """What files take, in turns, that read an image of `shape`."""
    return self.measure(contents, np.random.default_rng(0).random((1, *shape), np.float32), self.rounds)

  def _measured(self, graphs: Sequence[Graph]) -> list[Measured]:
    shape = graphs[0].nodes[0].shape
    return self.timed([encode(emit(graph), shape, sparse=self.sparse) for graph in graphs], shape)


@dataclasses.dataclass(frozen=True)
class Blocks:
  """What a table of a preset is made of.

  Attributes:
    arch: the supernet.
    head: its head.
    image_size: side of the images it reads, in pixels.
    fractions: shares of the units at which operations are measured.
    meter: measures.
  """

  arch: ArchSpec
  head: HeadSpec
  image_size: int
  fractions: tuple[float, ...]
  meter: Meter

  def entries(self) -> list[dict[str, Any]]:
    """What is measured: operations, with the groups that are such ones and the numbers of their units."""
    found = []
    for operation, groups in operations(self.arch, self.head, self.image_size).items():
      units = sorted({max(round(fraction * operation.units), 1) for fraction in self.fractions})
      found.append({'operation': dataclasses.asdict(operation), 'groups': groups, 'units': units})
    return found

  def times(self, entry: Mapping[str, Any]) -> list[float]:
    """Milliseconds of an entry's operation with each number of units; noise can make one negative."""
    return self.meter.times(Operation(**entry['operation']), entry['units'])

  def networks(self, entries: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Milliseconds of the supernet (without any unit, as it is)."""
    del entries  # What no unit carries is measured by itself.
    return self.meter.networks(self.arch, self.head, self.image_size)


def harness(operation: Operation, copies: int, activation: str, density: float) -> Graph:
  """A network of a stem, so many copies of the operation side by side, and a spatial mean.

  Args:
    operation: what is measured, with as many units as it has here.
    copies: how often.
    activation: between its convolutions.
    density: share of the 1x1 weights that is not zero.
  """
  rng = np.random.default_rng(0)
  height, width, inner = operation.height, operation.width, operation.units
  nodes = [Node('image', 'image', (), (2 * height, 2 * width, 3))]

  def add(name: str, op: str, source: str, kernel: np.ndarray, stride: int = 1, act: bool = True) -> str:
    before = next(node for node in nodes if node.name == source)
    side = tuple(-(-size // stride) for size in before.shape[:2])
    shape = (*side, kernel.shape[-1])
    settings = {'stride': stride, 'pad': kernel.shape[0] // 2}
    nodes.append(Node(name, op, (source,), shape, settings, {'kernel': kernel, 'bias': rng.normal(size=kernel.shape[-1])}))
    if act:
      nodes.append(Node(f'{name}/act', 'act', (name,), shape, {'kind': activation}))
    return nodes[-1].name

  def pointwise(before: int, after: int) -> np.ndarray:
    return rng.normal(size=(1, 1, before, after)) * (rng.random((1, 1, before, after)) < density)

  stem = add('stem', 'conv', 'image', rng.normal(size=(3, 3, 3, operation.in_channels)), 2)
  ends = []
  for copy in range(copies):
    name = add(f'{copy}/expand', 'conv', stem, pointwise(operation.in_channels, inner))
    name = add(f'{copy}/depthwise', 'depthwise', name, rng.normal(size=(operation.kernel, operation.kernel, inner)), operation.stride)
    ends.append(add(f'{copy}/project', 'conv', name, pointwise(inner, operation.out_channels), act=False))
  if copies > 1:
    nodes.append(Node('sum', 'add', tuple(ends), nodes[-1].shape))
  nodes.append(Node('mean', 'mean', (nodes[-1].name,), (operation.out_channels,)))
  return Graph(tuple(nodes), 'mean')


def thinned(model: keras.Model, density: float) -> keras.Model:
  """The model with so many of the 1x1 weights left, by chance, and larger: numbers that vanish would take long to compute with.

  Args:
    model: is changed.
    density: share of these weights that stays, but for one of every channel at least.
  """
  rng = np.random.default_rng(0)
  for name, variable in named_variables(model).items():
    if name.endswith('/kernel') and len(variable.shape) == 4 and tuple(variable.shape[:2]) == (1, 1):
      left = rng.random(variable.shape) < density
      # No channel is without any: a network that was trained would not have it either, and what is silent goes from files.
      each = np.arange(max(variable.shape[2:]))
      left[0, 0, each % variable.shape[2], each % variable.shape[3]] = True
      variable.assign(variable * left.astype(np.float32) / np.float32(np.sqrt(density)))
  return model

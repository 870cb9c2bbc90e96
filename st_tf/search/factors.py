"""Where the importance factors of a graph sit: a scale per unit behind its activation, that the kernels which read it can take in.

Behind the point where all that reads a unit goes through, and with nothing but linear layers between, a scale is the same as one
of the columns of the kernels that read it. So whatever the activation is, it is taken in exactly, and a unit whose scale is zero
leaves no constant behind.
"""

from collections.abc import Collection, Iterable, Mapping
import dataclasses
from typing import Any

import numpy as np

from st_tf.arch.graph import Graph, Node
from st_tf.search.channels import Alive, ChannelGroup, Channels, Ids, Kernel

SCALE = 'ChannelScale'
SMALLEST = 0.01  # What a scale begins with at least: columns are divided by it.
# What gives of each channel, times a number that is not negative, the same times the number.
_LINEAR = frozenset({
  SCALE, 'Dropout', 'CountedDropout', 'SpatialDropout1D', 'SpatialDropout2D', 'SpatialDropout3D', 'StochasticDepth', 'MaxPooling1D',
  'MaxPooling2D', 'MaxPooling3D', 'AveragePooling1D', 'AveragePooling2D', 'AveragePooling3D', 'GlobalAveragePooling1D',
  'GlobalAveragePooling2D', 'GlobalAveragePooling3D', 'GlobalMaxPooling1D', 'GlobalMaxPooling2D', 'GlobalMaxPooling3D', 'ZeroPadding1D',
  'ZeroPadding2D', 'ZeroPadding3D', 'Cropping1D', 'Cropping2D', 'Cropping3D', 'UpSampling1D', 'UpSampling2D', 'UpSampling3D', 'Flatten',
  'Reshape', 'Permute', 'Concatenate',
})  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Factors:
  """What is searched of a graph while it trains.

  Attributes:
    variables: those that hold the factors, 'layer/variable', by the name of their group.
    penalised: the units that are pushed to zero, by their numbers in the network as it began, by group name.
  """

  variables: Mapping[str, str]
  penalised: Mapping[str, tuple[int, ...]]

  @property
  def norms(self) -> dict[str, str]:
    """The batch norms whose scales the factors are, by group name; none where factors have nodes of their own."""
    return {name: variable.removesuffix('/gamma') for name, variable in self.variables.items() if variable.endswith('/gamma')}

  def pushed(self, survivors: Mapping[str, Iterable[int]]) -> dict[str, np.ndarray]:
    """Whether each unit that is left is pushed, by group name.

    Args:
      survivors: what is left of each group, by the numbers of its units in the network as it began.
    """
    return {name: np.isin(list(survivors[name]), units) for name, units in self.penalised.items()}

  def of_units(self, penalties: Mapping[str, float], survivors: Mapping[str, Iterable[int]]) -> dict[str, np.ndarray]:
    """The penalty of each unit that is left, by group name, of that of its group."""
    return {name: np.where(units, penalties[name], 0).astype(np.float32) for name, units in self.pushed(survivors).items()}

  def steered(self, factors: Mapping[str, np.ndarray], survivors: Mapping[str, Iterable[int]], dead_below: float) -> dict[str, np.ndarray]:
    """The factors that are pushed, or dead already, by group name."""
    pushed = self.pushed(survivors)
    return {name: value[pushed[name] | (np.abs(value) <= dead_below)] for name, value in factors.items()}

  def to_json(self) -> dict[str, Any]:
    """Plain lists; `from_json` is the inverse."""
    return {'variables': dict(self.variables), 'penalised': {name: list(units) for name, units in self.penalised.items()}}

  @classmethod
  def from_json(cls, data: Mapping[str, Any]) -> 'Factors':
    """What `to_json` described."""
    return cls(data['variables'], {name: tuple(units) for name, units in data['penalised'].items()})


@dataclasses.dataclass(frozen=True)
class Reading:
  """By what the channels that a kernel reads are scaled.

  Attributes:
    scales: variables with scales, 'layer/variable'.
    places: of each channel in a one that the scales follow.
    shape: of the result, which broadcasts to the kernel.
  """

  scales: tuple[str, ...]
  places: np.ndarray
  shape: tuple[int, ...]

  def of(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """The scales among `values`, for the kernel."""
    return np.concatenate([[np.float32(1)], *(values[name] for name in self.scales)])[self.places].reshape(self.shape)


def point(channels: Channels, group: ChannelGroup) -> str:
  """The node behind which a scale of a group's units is the same as one in the kernels that read them; '' = there is none."""
  touching = [node for node in channels.graph.nodes if any(_carries(channels, name, group.ids) for name in node.inputs)]
  readers = {kernel.layer for kernel in _readers(channels, group.ids)}
  places = [
    node.name for node in channels.graph.nodes if node.name == node.layer and np.array_equal(channels.outputs[node.name], group.ids)
  ]
  return next((name for name in reversed(places) if _reaches(channels, touching, readers, group.ids, name)), '')


def scaled(graph: Graph, points: Mapping[str, str]) -> tuple[Graph, dict[str, str]]:
  """(the graph with a scale behind each of these nodes, the variables with the scales by group name).

  Args:
    graph: without scales.
    points: nodes, by the name of the group whose units they give.
  """
  groups, nodes, now, variables = {node: group for group, node in points.items()}, [], {}, {}
  for node in graph.nodes:
    nodes.append(dataclasses.replace(node, inputs=tuple(now.get(name, name) for name in node.inputs)))
    if node.name in groups:
      name = f'{node.name}/factor'
      while name in graph.by_name:
        name = f'{name}+'
      nodes.append(Node(name, SCALE, {}, (node.name,), node.shape, {'scale': (node.shape[-1],)}))
      now[node.name], variables[groups[node.name]] = name, f'{name}/scale'
  return Graph(tuple(nodes), graph.outputs), variables


def unscaled(arch: Any) -> Any:
  """A network without the scales of a search; any that has none as it is."""
  if not isinstance(arch, Graph) or all(node.kind != SCALE for node in arch.nodes):
    return arch
  now = {node.name: node.inputs[0] for node in arch.nodes if node.kind == SCALE}
  kept = (node for node in arch.nodes if node.name not in now)
  return Graph(tuple(dataclasses.replace(node, inputs=tuple(now.get(name, name) for name in node.inputs)) for node in kept), arch.outputs)


def readings(channels: Channels) -> dict[str, Reading]:
  """By what the channels are scaled that a kernel reads, for each kernel that reads some that are, by its name."""
  scales = {f'{node.layer}/scale': channels.outputs[node.name] for node in channels.graph.nodes if node.kind == SCALE}
  found = {}
  for kernel in channels.kernels if scales else ():
    if kernel.reads is None:
      continue
    read = kernel.axes[kernel.reads]
    own = {name: units for name, units in scales.items() if np.isin(read, units).any()}
    if own:
      places = np.zeros(channels.units, int)
      places[np.concatenate(list(own.values()))] = 1 + np.arange(sum(map(len, own.values())))
      shape = tuple(len(read) if axis == kernel.reads else 1 for axis in range(len(kernel.shape)))
      found[kernel.name] = Reading(tuple(own), places[read], shape)
  return found


def folded(found: Mapping[str, Reading], values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Variables without scales, the kernels that read what these scaled multiplied by them."""
  gone = {name for reading in found.values() for name in reading.scales}
  return {name: value * found[name].of(values) if name in found else value for name, value in values.items() if name not in gone}


def unfolded(found: Mapping[str, Reading], values: Mapping[str, np.ndarray], scales: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """The inverse of `folded`: with `scales`, by 'layer/variable', and kernels divided by them."""
  return {name: value / found[name].of(scales) if name in found else value for name, value in values.items()} | dict(scales)


def beginning(groups: Iterable[ChannelGroup], score: np.ndarray) -> dict[str, np.ndarray]:
  """What the scales of each group begin with: the scores of its units over their mean in all groups, none close to zero.

  Args:
    groups: that are searched.
    score: of every unit, by unit id, from `scores`.
  """
  groups = tuple(groups)
  mean = float(np.mean(np.concatenate([score[group.ids] for group in groups]))) if groups else 1.0
  return {group.name: np.maximum(score[group.ids] / (mean or 1.0), SMALLEST).astype(np.float32) for group in groups}


def keeping(channels: Channels, alive: Alive, factors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """`alive` with the unit of the largest factor in each group that has to keep one, and without what goes along with whole blocks.

  Args:
    channels: of the network.
    alive: booleans per unit by group name.
    factors: raw factors by group name.
  """
  strongest = {name: np.arange(len(value)) == np.argmax(np.abs(value)) for name, value in factors.items() if not alive[name].any()}
  groups = {group.name: group for group in channels.groups}
  held = {name: unit for name, unit in strongest.items() if not channels.may_go_whole(groups[name])}
  kept = {**alive, **held}
  if not channels.emptied(kept).fits:  # Blocks that need one another.
    kept = {**alive, **strongest}
  return channels.closed(kept)


def _carries(channels: Channels, node: str, ids: Ids) -> bool:
  return bool(np.isin(channels.outputs[node], ids).any())


def _readers(channels: Channels, ids: Ids) -> list[Kernel]:
  return [kernel for kernel in channels.kernels if kernel.reads is not None and np.isin(kernel.axes[kernel.reads], ids).any()]


def _reaches(channels: Channels, touching: Iterable[Node], readers: Collection[str], ids: Ids, start: str) -> bool:
  """Whether a scale behind the node `start` comes to all that reads the units, once and unchanged."""
  scaled_nodes = {start}
  for node in touching:
    reached = [name in scaled_nodes for name in node.inputs if _carries(channels, name, ids)]
    if node.layer in readers:
      if not all(reached):
        return False
    elif node.name != start and any(reached):
      if node.kind == 'Multiply':
        if sum(reached) != 1:
          return False
      elif not (_is_linear(node) and all(reached)):
        return False
      scaled_nodes.add(node.name)
  return True


def _is_linear(node: Node) -> bool:
  kernels = any(name.endswith('kernel') for name in node.weights)  # Of each channel by itself, since the layer is no reader.
  return node.kind in _LINEAR or (kernels and 'bias' not in node.weights and node.config.get('activation') in ('linear', '', None))

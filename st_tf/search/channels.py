"""The units of a network, the groups they come in, and the network without some of them, as `analysis` has found them.

A unit is a channel, or several that are joined somewhere: they are removed from all of their layers at once, or from none.

A unit may be removed where nothing reads it any more, that is where its entries in the kernels that read it are zero; the
function of the network then stays the same.
"""

from collections.abc import Iterable, Mapping
import dataclasses
import functools
import math

import numpy as np

from st_tf.arch.graph import Graph, Node
from st_tf.search import depth

Ids = np.ndarray  # Of units, one for each entry of an axis.
Alive = Mapping[str, np.ndarray]  # Booleans per unit, by the name of their group.
Slices = Mapping[str, tuple[tuple[int, np.ndarray], ...]]  # Which entries of which axes are kept, by 'layer/variable'.


@dataclasses.dataclass(frozen=True)
class ChannelGroup:
  """Units that the same layers make.

  Attributes:
    name: of the first of these layers.
    makers: their names.
    ids: of the units, in the order of the first maker's channels.
    is_residual: whether a sum joins them, as a skip does.
    held_by: layers that do not let go of some of them, or 'input' and 'output'.
  """

  name: str
  makers: tuple[str, ...]
  ids: Ids
  is_residual: bool
  held_by: tuple[str, ...]

  @property
  def units(self) -> int:
    """How many there are."""
    return len(self.ids)


@dataclasses.dataclass(frozen=True)
class Kernel:
  """A variable whose entries are multiplied with something.

  Attributes:
    name: 'layer/variable'.
    shape: of the variable.
    positions: how often each entry is used for one image.
    axes: the units of those axes that have channels.
    reads: the axis of what is read; None where each channel is made of itself alone.
  """

  name: str
  shape: tuple[int, ...]
  positions: int
  axes: Mapping[int, Ids]
  reads: int | None

  @property
  def layer(self) -> str:
    """The name of its layer."""
    return self.name.rpartition('/')[0]

  def macs(self, alive: np.ndarray | None = None) -> int:
    """Multiply-accumulates for one image; with `alive`, booleans by unit id, of what is left."""
    sizes = dict(enumerate(self.shape))
    if alive is not None:
      sizes |= {axis: int(np.count_nonzero(alive[ids])) for axis, ids in self.axes.items()}
    return self.positions * math.prod(sizes.values())


@dataclasses.dataclass(frozen=True)
class Channels:
  """What an analysis has found.

  Attributes:
    graph: what was analysed.
    groups: all groups, in network order.
    axes: {'layer/variable': {axis: units}}.
    kernels: what is multiplied, in network order.
    outputs: units of each node's channels.
    units: how many there are in all.
  """

  graph: Graph
  groups: tuple[ChannelGroup, ...]
  axes: Mapping[str, Mapping[int, Ids]]
  kernels: tuple[Kernel, ...]
  outputs: Mapping[str, Ids]
  units: int

  def searchable(self, residual: bool = False) -> tuple[ChannelGroup, ...]:
    """The groups of which units may be removed; with `residual` also those that a sum joins."""
    return tuple(group for group in self.groups if not group.held_by and (residual or not group.is_residual))

  def living(self, alive: Alive) -> np.ndarray:
    """Booleans by unit id; groups that are not named are whole."""
    living = np.ones(self.units, bool)
    for group in self.groups:
      if group.name in alive:
        living[group.ids] = alive[group.name]
    return living

  def macs(self, alive: Alive | None = None) -> int:
    """Multiply-accumulates for one image; with `alive`, of what is left."""
    living = None if alive is None else self.living(alive)
    return sum(kernel.macs(living) for kernel in self.kernels)

  def group_macs(self, group: ChannelGroup) -> int:
    """MACs that go when all of a group go."""
    return self._macs[group.name]

  @functools.cached_property
  def _macs(self) -> Mapping[str, int]:
    """MACs by group, all at once: networks have hundreds of groups and of kernels."""
    places = np.zeros(self.units, int)
    for place, group in enumerate(self.groups):
      places[group.ids] = place
    macs = dict.fromkeys((group.name for group in self.groups), 0)
    for kernel in self.kernels:
      for place in np.unique(places[np.concatenate(tuple(kernel.axes.values()))]):
        macs[self.groups[place].name] += kernel.macs()
    return macs

  def layers_of(self, group: ChannelGroup) -> tuple[str, ...]:
    """Names of the layers that multiply channels of a group, in network order."""
    touched = (kernel for kernel in self.kernels if any(np.isin(ids, group.ids).any() for ids in kernel.axes.values()))
    return tuple(dict.fromkeys(kernel.layer for kernel in touched))

  def unit_macs(self, group: ChannelGroup, alive: Alive | None = None) -> np.ndarray:
    """MACs that go with each unit of a group, of the network that `alive` leaves (its neighbours as they are)."""
    living = self.living(alive or {})
    saved = np.zeros(self.units)
    for kernel in self.kernels:
      left = kernel.macs(living)
      for ids in kernel.axes.values():
        count = np.count_nonzero(living[ids])
        if count:
          np.add.at(saved, ids, left / count)
    return saved[group.ids]

  def slices(self, alive: Alive) -> Slices:
    """Which entries of which axes survive; variables that stay whole are not named."""
    living = self.living(alive)
    kept = {}
    for name, axes in self.axes.items():
      cut = tuple((axis, np.flatnonzero(living[ids])) for axis, ids in axes.items() if not living[ids].all())
      if cut:
        kept[name] = cut
    return kept

  def emptied(self, alive: Alive) -> depth.Emptied:
    """What becomes of the nodes that have no unit left, and of what reads them."""
    living = self.living(alive)
    return depth.emptied(self.graph, (name for name, ids in self.outputs.items() if len(ids) and not living[ids].any()))

  @functools.cached_property
  def _may_go_whole(self) -> frozenset[str]:
    """Names of the groups of which all units may go, since a skip goes past them."""
    return frozenset(group.name for group in self.searchable() if self.emptied({group.name: np.zeros(group.units, bool)}).fits)

  def may_go_whole(self, group: ChannelGroup) -> bool:
    """Whether a skip goes past all that a group lies in; several such groups may still need one another."""
    return group.name in self._may_go_whole

  def closed(self, alive: Alive) -> dict[str, np.ndarray]:
    """The same with the groups that go along with blocks of which nothing is left, such as those of their gates."""
    left = self.emptied(alive)
    if not left.states:
      return dict(alive)
    layers = {node.layer for node in depth.without_empty(self.graph, left).nodes}
    gone = (group for group in self.groups if not layers.intersection(group.makers))
    return {**alive, **{group.name: np.zeros(group.units, bool) for group in gone}}

  def least(self, groups: Iterable[ChannelGroup]) -> dict[str, np.ndarray]:
    """The fewest units that these groups can have: none where a skip goes past them, else one."""
    groups = tuple(groups)
    one = {group.name: np.arange(group.units) == 0 for group in groups}
    none = {group.name: np.zeros(group.units, bool) for group in groups if self.may_go_whole(group)}
    return one | none if self.emptied(one | none).fits else one

  def shrunk(self, alive: Alive) -> Graph:
    """The graph without the units that are not alive, and without blocks of which none is.

    Raises:
      ValueError: a group has no unit left that no skip goes past.
    """
    living, left = self.living(alive), self.emptied(alive)
    if not left.fits:
      names = [group.name for group in self.groups if not living[group.ids].any()]
      raise ValueError(f'A group that no skip goes past keeps at least one unit. Received: none of {", ".join(names)}.')
    graph = Graph(tuple(self._shrunk(node, living) for node in self.graph.nodes), self.graph.outputs)
    return depth.without_empty(graph, left) if left.states else graph

  def _shrunk(self, node: Node, living: np.ndarray) -> Node:
    channels = int(np.count_nonzero(living[self.outputs[node.name]]))
    weights = {}
    for name, shape in node.weights.items():
      axes = self.axes.get(f'{node.layer}/{name}', {})
      weights[name] = tuple(int(np.count_nonzero(living[axes[axis]])) if axis in axes else size for axis, size in enumerate(shape))
    config = dict(node.config)
    if channels != node.shape[-1]:
      for argument in ('filters', 'units'):
        if argument in config:
          config[argument] = channels
      if config.get('groups', 1) > 1 and node.weights['kernel'][-2] == 1:
        config['groups'] = int(np.count_nonzero(living[self.outputs[node.inputs[0]]]))
      if node.kind == 'Reshape':
        config['target_shape'] = [*node.config['target_shape'][:-1], channels]
    return dataclasses.replace(node, config=config, shape=(*node.shape[:-1], channels), weights=weights)

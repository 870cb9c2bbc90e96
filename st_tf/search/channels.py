"""The units of a network, the groups they come in, and the network without some of them, as `analysis` has found them.

A unit is a channel, or several that are joined somewhere: they are removed from all of their layers at once, or from none.

A unit may be removed where nothing reads it any more, that is where its entries in the kernels that read it are zero; the
function of the network then stays the same.
"""

from collections.abc import Mapping
import dataclasses
import functools
import math

import numpy as np

from st_tf.arch.graph import Graph, Node

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
    return tuple(dict.fromkeys(kernel.name.rpartition('/')[0] for kernel in touched))

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

  def shrunk(self, alive: Alive) -> Graph:
    """The graph without the units that are not alive.

    Raises:
      ValueError: a group has no unit left; what it lay in would have to go as a whole.
    """
    living = self.living(alive)
    for group in self.groups:
      if not living[group.ids].any():
        raise ValueError(f'A group keeps at least one unit. Received: none of {group.name}.')
    return Graph(tuple(self._shrunk(node, living) for node in self.graph.nodes), self.graph.outputs)

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

"""Importance factors: which units they belong to, what each unit costs, and which are dead.

A search unit is a hidden channel of one (block, kernel), or a token of one block's transformer. Its factor is its scale in
the batch norm after the depthwise convolution, or after the token projection (HR-NAS, CVPR 2021, section 3.3).
"""

import collections
from collections.abc import Callable, Mapping
import dataclasses

import numpy as np
import tf_keras as keras

from st_tf.arch.graph import Architecture, Graph
from st_tf.arch.latency import PREFIX, LatencyTable
from st_tf.arch.specs import HeadSpec
from st_tf.models.transformer import SIDE, attention_macs
from st_tf.search.analysis import analyse
from st_tf.search.factors import Factors
from st_tf.search.prices import layer_macs, milliseconds
from st_tf.search.units import channels_of, searched

_PENALISED_PAIR = 2 * SIDE * SIDE  # MACs per pair of tokens, as the reference's penalty counts them: one attention.
_PAIR = 2 * _PENALISED_PAIR  # What they are: the encoder's attention and the decoder's.


@dataclasses.dataclass(frozen=True)
class Group:
  """The units of one (block, kernel), or the tokens of one block.

  Attributes:
    name: 'block/k3' or 'block/transformer'.
    factor: name of the variable with the factors; empty where the units have none.
    units: how many there are.
    macs: multiply-accumulates of the whole group, per image.
    is_tokens: whether the units are tokens.
  """

  name: str
  factor: str
  units: int
  macs: int
  is_tokens: bool

  @property
  def block(self) -> str:
    """The block's name."""
    return self.name.rsplit('/', 1)[0]

  def macs_of(self, alive: int) -> float:
    """MACs of the group when `alive` of its units are left."""
    if not self.is_tokens:
      return self.macs * alive / self.units
    return (self.macs - _PAIR * self.units**2) / self.units * alive + _PAIR * alive**2

  def unit_macs(self, alive: int | None = None) -> float:
    """MACs that the penalty ascribes to one unit; of a token, to the last of `alive` tokens."""
    if not self.is_tokens:
      return self.macs / self.units
    alive = self.units if alive is None else alive
    linear = (self.macs - _PENALISED_PAIR * self.units**2) / self.units
    return linear + _PENALISED_PAIR * (alive**2 - max(alive - 1, 0) ** 2)


def groups_of(model: keras.Model, arch: Architecture, head: HeadSpec, factors: Factors | None = None) -> tuple[Group, ...]:
  """Every group of search units of `model`, in network order; with the `factors` of a graph those that have some."""
  channels = channels_of(model, arch)
  # Both by the first of a group's units; of several batch norms that it passes, the last.
  scales = {} if isinstance(arch, Graph) else {axes[0][0]: name for name, axes in channels.axes.items() if name.endswith('/gamma')}
  tokens = {channels.outputs[node.name][0] for node in channels.graph.nodes if node.kind == 'TokenTransformer'}
  groups = []
  for name, found in searched(channels, arch, head).items():
    if factors is not None:
      if name in factors.variables:
        groups.append(Group(name, factors.variables[name], found.units, channels.group_macs(found), False))
      continue
    first, macs = found.ids[0], channels.group_macs(found)
    attention = attention_macs(found.units) if first in tokens else 0
    groups.append(Group(name, scales.get(first, ''), found.units, macs + attention, first in tokens))
  return tuple(groups)


@dataclasses.dataclass(frozen=True)
class CostModel:
  """What units and networks cost.

  Attributes:
    symbol: of one of what is counted, for people.
    group: price of a group of which so many units are left.
    unit: what the penalty charges for one unit of a group; of a token, for the last of so many that are alive (None = all).
    fixed: price of what no unit carries, of a network of so many MACs with these groups.
    table: where the prices come from, when they are latencies.
  """

  symbol: str
  group: Callable[[Group, float], float]
  unit: Callable[[Group, int | None], float]
  fixed: Callable[[float, tuple[Group, ...]], float]
  table: LatencyTable | None = None

  def total(self, macs: float, groups: tuple[Group, ...], living: Mapping[str, np.ndarray] | None = None) -> float:
    """Price of a network of `macs` MACs and the groups `groups`; with `living`, of what is left of it without its dead units."""
    left = {name: int(np.count_nonzero(units)) for name, units in (living or {}).items()}
    return self.fixed(macs, groups) + sum(self.group(group, left.get(group.name, group.units)) for group in groups)


MACS = CostModel('MACs', Group.macs_of, Group.unit_macs, lambda macs, groups: macs - sum(group.macs for group in groups))


def cost_model(name: str, supernet: Architecture, head: HeadSpec) -> CostModel:
  """The cost model that `--cost` names.

  Args:
    name: 'macs', or 'latency:FILE' with a table.
    supernet: what is searched.
    head: its head.

  Raises:
    LatencyError: the file is no latency table of this supernet.
  """
  if not name.startswith(PREFIX):
    return MACS
  table = LatencyTable.load(name.removeprefix(PREFIX))
  table.check(supernet, head.kind)
  if isinstance(supernet, Graph):
    return _of_layers(table, supernet)
  return CostModel(
    'ms',
    lambda group, units: table.milliseconds(group.name, units),
    lambda group, alive: table.milliseconds(group.name, group.units) / group.units,
    lambda macs, groups: table.base,
    table,
  )


def price(model: CostModel, arch: Architecture, macs: float, groups: tuple[Group, ...]) -> float:
  """What a network costs as it stands; of a graph by the layers of its table, whatever groups share them.

  Args:
    model: what is charged.
    arch: the network.
    macs: its MACs.
    groups: its groups.
  """
  if model.table is not None and isinstance(arch, Graph):
    return milliseconds(model.table).network(analyse(arch), None)
  return model.total(macs, groups)


def _of_layers(table: LatencyTable, supernet: Graph) -> CostModel:
  """Prices of the groups of a graph; a layer that several groups lie in is shared out among them."""
  channels = analyse(supernet)
  macs, searchable = layer_macs(channels), channels.searchable()
  units = {group.name: group.units for group in searchable}
  layers = {group.name: tuple(layer for layer in channels.layers_of(group) if layer in table.curves) for group in searchable}
  sharing = collections.Counter(layer for found in layers.values() for layer in found)

  def charged(group: Group, left: float) -> float:
    share = left / units[group.name]
    return sum(table.milliseconds(layer, share * macs[layer]) / sharing[layer] for layer in layers[group.name])

  return CostModel(
    'ms', charged, lambda group, alive: charged(group, units[group.name]) / units[group.name], lambda macs, groups: table.base, table
  )


def normaliser(groups: tuple[Group, ...], model: CostModel = MACS) -> float:
  """Mean price of a unit over all groups of the initial supernet, each weighted by its units; 1 where nothing costs anything."""
  units = sum(group.units for group in groups)
  return (sum(model.group(group, group.units) for group in groups) / units if units else 1.0) or 1.0


def penalties(groups: tuple[Group, ...], mean: float, alive: Mapping[str, int] | None = None, model: CostModel = MACS) -> dict[str, float]:
  """The resource-aware penalty of each group: the price of a unit over the mean price.

  Args:
    groups: the groups of the *initial* supernet.
    mean: their `normaliser`.
    alive: tokens that are alive, by group name; all when not given.
    model: what a unit costs.
  """
  alive = alive or {}
  return {group.name: model.unit(group, alive.get(group.name)) / mean for group in groups}


def alive(factors: Mapping[str, np.ndarray], dead_below: float) -> dict[str, np.ndarray]:
  """Which units are alive, by group name: those whose |factor| is above `dead_below`.

  Args:
    factors: raw (not averaged) factors by group name.
    dead_below: the largest magnitude of a dead unit's factor.
  """
  return {name: np.abs(value) > dead_below for name, value in factors.items()}

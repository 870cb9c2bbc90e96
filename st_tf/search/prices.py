"""What a graph and its units cost: multiply-accumulates, or milliseconds by a table of its layers."""

from collections.abc import Callable
import dataclasses

import numpy as np

from st_tf.arch.latency import LatencyTable
from st_tf.search.channels import Alive, ChannelGroup, Channels


@dataclasses.dataclass(frozen=True)
class Prices:
  """What is charged.

  Attributes:
    symbol: of one of what is counted, for people.
    network: price of a network, of which the living units are left.
    units: price of each unit of a group, of the whole network: what goes with it, its neighbours as they are.
  """

  symbol: str
  network: Callable[[Channels, Alive | None], float]
  units: Callable[[Channels, ChannelGroup], np.ndarray]


MACS = Prices('MACs', Channels.macs, Channels.unit_macs)


def milliseconds(table: LatencyTable) -> Prices:
  """The prices by a table, for the graph that it was measured with and for what is left of it."""
  return Prices('ms', lambda channels, alive: _network(table, channels, alive), lambda channels, group: _units(table, channels, group))


def layer_macs(channels: Channels, alive: Alive | None = None) -> dict[str, int]:
  """MACs of each layer that multiplies, all its calls together, for one image."""
  living = None if alive is None else channels.living(alive)
  macs: dict[str, int] = {}
  for kernel in channels.kernels:
    macs[kernel.layer] = macs.get(kernel.layer, 0) + kernel.macs(living)
  return macs


def _network(table: LatencyTable, channels: Channels, alive: Alive | None) -> float:
  macs = layer_macs(channels, alive)
  return table.base + sum(table.milliseconds(layer, count) for layer, count in macs.items() if layer in table.curves)


def _units(table: LatencyTable, channels: Channels, group: ChannelGroup) -> np.ndarray:
  macs, saved = layer_macs(channels), np.zeros(channels.units)
  for kernel in channels.kernels:
    layer = kernel.layer
    if layer in table.curves:
      price = table.milliseconds(layer, macs[layer]) * kernel.macs() / macs[layer]
      for ids in kernel.axes.values():
        np.add.at(saved, ids, price / len(ids))
  return saved[group.ids]

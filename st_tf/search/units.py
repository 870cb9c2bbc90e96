"""The units that a network is searched for, among all its channels.

In the high-resolution network these are the channels within its search blocks, and tokens, which live and die as channels
do but whose attention costs more than its kernels. In any other network they are all channels that may go.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import tf_keras as keras

from st_tf.arch.graph import Architecture, Graph
from st_tf.arch.specs import HeadSpec, layout
from st_tf.models.graph import Dialect, read
from st_tf.models.layers import AppendCoordinates, TokenNorm
from st_tf.models.transformer import TokenTransformer
from st_tf.search.analysis import analyse
from st_tf.search.channels import ChannelGroup, Channels


def channels_of(model: keras.Model, arch: Architecture) -> Channels:
  """The channels of a network.

  Args:
    model: with or without pruning wrappers.
    arch: what it was built from.
  """
  return analyse(arch if isinstance(arch, Graph) else read(model, _WITH_TOKENS)[0])


def searched(channels: Channels, arch: Architecture, head: HeadSpec) -> Mapping[str, ChannelGroup]:
  """The groups of units that are searched, by the name that the search knows them by, in network order.

  Args:
    channels: of the network.
    arch: what it was built from.
    head: its head.
  """
  if isinstance(arch, Graph):
    return {group.name: group for group in channels.searchable()}
  within = {group.name.rpartition('/')[0]: group for group in channels.searchable()}  # 'block/k3' of 'block/k3/expand'.
  return {name: within[name] for block in layout(arch, head) for name in block.units}


def all_of(arch: Architecture, groups: Iterable[Any]) -> dict[str, list[int]]:
  """The indices of all units that may go, by the name of their group; of a graph those that skips join too.

  Args:
    arch: the network.
    groups: of its units that are searched.
  """
  found = analyse(arch).searchable(residual=True) if isinstance(arch, Graph) else groups
  return {group.name: list(range(group.units)) for group in found}


class _WithTokens(Dialect):
  """tf_keras with the layers of the transformer; which tokens are alive goes beside the tokens and is no channel."""

  def inputs(self, node: Any) -> list[Any]:
    return super().inputs(node)[: 1 if isinstance(self.layer(node), TokenTransformer) else None]

  def outputs(self, node: Any) -> list[Any]:
    return super().outputs(node)[: 1 if isinstance(self.layer(node), TokenNorm) else None]

  def described(self, node: Any, layer: Any) -> tuple[str, dict[str, Any]]:
    own = isinstance(layer, (AppendCoordinates, TokenNorm, TokenTransformer))
    return (type(layer).__name__, {}) if own else super().described(node, layer)


_WITH_TOKENS = _WithTokens()

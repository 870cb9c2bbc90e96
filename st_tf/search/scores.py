"""What each unit of a trained network is worth, from what it says about some pictures.

A unit's score is the size of what it changes in the layers that read it: the deviation of its activation times the norm of
its column in each reading kernel, with the batch norm behind that kernel folded in. Measured on an ImageNet network, 20% of
the hidden units gone at once: 70.8% top-1 where the scales of the batch norms, the paper's factors, left 40.4%.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
import dataclasses
from typing import Protocol

import numpy as np

from st_tf.arch.graph import Graph, Node
from st_tf.search.channels import Alive, ChannelGroup, Channels, Kernel
from st_tf.search.prices import MACS, Prices

_LINEAR = frozenset({'linear', '', None})
_STRIDE = 32  # Removals between two looks at what the network costs.


def candidates(channels: Channels, fresh: Iterable[str] = (), residual: bool = False) -> tuple[ChannelGroup, ...]:
  """The groups whose units can be scored: those that only trained layers read, and that pass an activation or are joined by a sum.

  Args:
    channels: of the network.
    fresh: layers that have trained nothing yet, whose kernels say nothing of what they read.
    residual: whether to take units that a sum joins too.
  """
  active = {unit for node in channels.graph.nodes if _is_active(node) for unit in channels.outputs[node.name].tolist()}
  unsaid = {
    unit for kernel in channels.kernels if kernel.reads is not None and kernel.layer in set(fresh) for unit in kernel.axes[kernel.reads]
  }
  return tuple(
    group for group in channels.searchable(residual) if (group.is_residual or active.issuperset(group.ids)) and unsaid.isdisjoint(group.ids)
  )


def scores(channels: Channels, values: Mapping[str, np.ndarray], deviation: Mapping[str, np.ndarray]) -> np.ndarray:
  """The score of every unit, by unit id; zero of those that nothing reads.

  Args:
    channels: of the network.
    values: its variables by 'layer/variable'.
    deviation: from `deviations`.
  """
  squares = np.zeros(channels.units)
  for kernel in channels.kernels:
    source = channels.graph[kernel.layer].inputs[0]
    if kernel.reads is not None and source in deviation:
      read = np.square(columns(channels.graph, kernel, values)).sum(0)
      np.add.at(squares, kernel.axes[kernel.reads], deviation[source][: len(read)] ** 2 * read)
  return np.sqrt(squares)


class Worth(Protocol):
  """What units are worth, while units go.

  Attributes:
    score: of every unit, by unit id.
  """

  score: np.ndarray

  def remove(self, unit: int) -> None:
    """Makes the scores those of a network without this unit."""


@dataclasses.dataclass(frozen=True)
class Fixed:
  """Scores that stay, whatever else goes."""

  score: np.ndarray

  def remove(self, unit: int) -> None:
    """Nothing."""


def least_valuable(
  channels: Channels,
  groups: Iterable[ChannelGroup],
  worth: Callable[[], Worth],
  target: float,
  charged: Prices = MACS,
  limited: Prices = MACS,
  multiple: int = 1,
) -> Alive:
  """The units that stay when those that are worth the least per MAC, or millisecond, go until the network costs at most `target`.

  A group that no skip goes past keeps its best unit. Where even that does not suffice, nothing else is left.

  Args:
    channels: of the network.
    groups: of which units may go.
    worth: begins with the whole network.
    target: what the network may cost.
    charged: what a unit costs.
    limited: what the target is in.
    multiple: of how many units groups keep multiples, as `piece` has it.
  """
  groups = tuple(groups)
  how = target, charged, limited, multiple
  left = _left(channels, groups, worth(), {group.name for group in groups if channels.may_go_whole(group)}, *how)
  if not channels.emptied(left).fits:  # Blocks that need one another.
    left = _left(channels, groups, worth(), (), *how)
  return channels.closed(left)


def piece(count: int, multiple: int) -> int:
  """How many of a group's `count` units go together.

  Kernels are fastest at multiples of what a processor works on at once: at 96 pixels a training step of EfficientNet-Lite0 with three
  fifths of its units takes 1.7 times as long where their numbers are any as where they are multiples of 8. Of groups with less than four
  times as many the units go in halves of that, and so on.

  Args:
    count: at least 1.
    multiple: a power of 2.
  """
  while 4 * multiple > count and multiple > 1:
    multiple //= 2
  return count % multiple or multiple


def _left(
  channels: Channels,
  groups: Sequence[ChannelGroup],
  worth: Worth,
  whole: Collection[str],
  target: float,
  charged: Prices,
  limited: Prices,
  multiple: int,
) -> dict[str, np.ndarray]:
  """As `least_valuable`; `whole` are the names of the groups that need not keep a unit."""
  price, staying = [np.maximum(charged.units(channels, group), 1e-12) for group in groups], np.ones(channels.units, bool)
  order: list[int] = []
  ends = [0]  # How many units had gone after each piece.

  def left(pieces: int) -> dict[str, np.ndarray]:
    living = np.ones(channels.units, bool)
    living[order[: ends[pieces]]] = False
    return {group.name: living[group.ids] for group in groups}

  def going(index: int) -> tuple[float, int, int]:
    """(what the next piece of a group is worth per price, the group, how many units it has)."""
    group, here = groups[index], np.flatnonzero(staying[groups[index].ids])
    if not len(here) or (len(here) == 1 and group.name not in whole):
      return np.inf, index, 0
    size, score, cost = piece(len(here), multiple), worth.score[group.ids[here]], price[index][here]
    least = np.argsort(score / cost, kind='stable')[:size] if size > 1 else [np.argmin(score / cost)]
    return score[least].sum() / cost[least].sum(), index, size

  while limited.network(channels, left(-1)) > target and any(going(index)[2] for index in range(len(groups))):
    until = len(order) + _STRIDE
    while len(order) < until:
      _, index, size = min(going(index) for index in range(len(groups)))
      for _ in range(size):
        ids = groups[index].ids
        unit = int(ids[np.argmin(np.where(staying[ids], worth.score[ids] / price[index], np.inf))])
        staying[unit] = False
        order.append(unit)
        worth.remove(unit)
      if not size:
        break
      ends.append(len(order))
  few, many = 0, len(ends) - 1
  while few < many:
    middle = (few + many) // 2
    few, many = (few, middle) if limited.network(channels, left(middle)) <= target else (middle + 1, many)
  return left(few)


def columns(graph: Graph, kernel: Kernel, values: Mapping[str, np.ndarray]) -> np.ndarray:
  """What a kernel multiplies each channel that it reads by, [..., channels read], with the batch norm behind it folded in.

  Args:
    graph: the network.
    kernel: of it, one that reads channels.
    values: the network's variables by 'layer/variable'.
  """
  ways, norm = np.moveaxis(values[kernel.name].astype(np.float64), kernel.reads, -1), norm_behind(graph, kernel.layer)
  if norm is not None:
    gamma = values.get(f'{norm.layer}/gamma', 1.0)
    scale = gamma / np.sqrt(values[f'{norm.layer}/moving_variance'].astype(np.float64) + norm.config['epsilon'])
    ways = ways * scale[:, np.newaxis]  # Outputs come before what is read, of a transposed convolution too.
  return ways.reshape(-1, ways.shape[-1])


def norm_behind(graph: Graph, name: str) -> Node | None:
  """The batch norm that alone reads a node; None without one."""
  readers = [node for node in graph.nodes if name in node.inputs]
  alone = len(readers) == 1 and readers[0].kind == 'BatchNormalization' and name not in graph.outputs
  return readers[0] if alone and readers[0].name == readers[0].layer else None


def offset_of(graph: Graph, name: str) -> tuple[str, int] | None:
  """(the variable that takes up what a layer's outputs miss everywhere, its sign): its bias, or the mean of the norm behind it."""
  if 'bias' in graph[name].weights:
    return f'{graph[name].layer}/bias', 1
  norm = norm_behind(graph, name)
  return (f'{norm.layer}/moving_mean', -1) if norm else None


def _is_active(node: Node) -> bool:
  kinds = ('ReLU', 'LeakyReLU', 'ELU', 'PReLU', 'ThresholdedReLU')
  return node.kind in kinds or node.config.get('activation') not in _LINEAR

"""A network that becomes a narrower member of its space: whole steps of channels go, always those that are worth the least per MAC."""

from collections.abc import Mapping, Sequence

import numpy as np

from st_tf.arch.genome import squeezed
from st_tf.arch.spaces import Space
from st_tf.search.channels import ChannelGroup, Channels

_EXPAND, _PROJECT, _SQUEEZE = '/expand', '/project', '/gate/squeeze'


def options(channels: Channels, space: Space) -> dict[str, list[int]]:
  """How many units each group may keep, by its name, from few to many: what all of its layers may have, and no more than are there.

  Args:
    channels: of a network that a member of the space has become.
    space: which.
  """
  found = {}
  for group in channels.searchable(residual=True):
    ranges = [choices for maker in group.makers if (choices := _range(maker, space)) is not None]
    if ranges:
      found[group.name] = [count for count in ranges[0] if count <= group.units and all(count in other for other in ranges)]
  return found


def narrowed(channels: Channels, space: Space, score: np.ndarray, target: float) -> dict[str, np.ndarray]:
  """The units that stay when the network costs at most so many MACs, or as few as its space allows; none of a block go whole.

  A gate is computed from as many channels as its space says of the hidden ones that are left.

  Args:
    channels: of the network.
    space: that it is, and stays, a member of.
    score: of every unit, by unit id.
    target: MACs.
  """
  groups = {group.name: group for group in channels.groups}
  steps, order = options(channels, space), {name: np.argsort(-score[group.ids], kind='stable') for name, group in groups.items()}
  kept = {name: groups[name].units for name in steps}
  now = channels.macs()
  while now > target:
    best = None
    for name, counts in steps.items():
      fewer = [count for count in counts if count < kept[name]]
      if fewer:
        gone = order[name][fewer[-1] : kept[name]]
        left = channels.macs(_alive(groups, order, {**kept, name: fewer[-1]}))
        worth = float(score[groups[name].ids][gone].sum()) / max(now - left, 1)
        if best is None or worth < best[0]:
          best = worth, name, fewer[-1], left
    if best is None:
      break
    _, name, kept[name], now = best
  return _alive(groups, order, kept)


def _alive(groups: Mapping[str, ChannelGroup], order: Mapping[str, np.ndarray], kept: Mapping[str, int]) -> dict[str, np.ndarray]:
  counts = dict(kept)
  for name in kept:
    gate = name.removesuffix(_EXPAND) + _SQUEEZE
    if name.endswith(_EXPAND) and gate in groups:
      counts[gate] = squeezed(kept[name])
  alive = {}
  for name, count in counts.items():
    alive[name] = np.zeros(groups[name].units, bool)
    alive[name][order[name][:count]] = True
  return alive


def _range(maker: str, space: Space) -> Sequence[int] | None:
  """What a layer's channels may be; None of one whose channels are no choice."""
  if maker == 'stem/conv':
    return space.stems
  if maker == 'last/conv':
    return space.lasts
  block, _, _ = maker.partition('/')
  stage = block[1:].partition('b')[0]
  if not (block.startswith('s') and stage.isdigit()):
    return None
  choices = space.stages[int(stage)]
  return choices.hidden if maker == f'{block}{_EXPAND}' else choices.widths if maker == f'{block}{_PROJECT}' else None

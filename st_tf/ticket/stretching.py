"""A ticket's mask and weights in a network of another depth (Chen et al., Elastic Lottery Ticket Hypothesis, NeurIPS 2021, section 3).

Blocks are copied whole: kernels, masks, batch norms with their statistics, and of a searched network their inner width. Everything else,
such as the stem and the classifier, is taken over as it is. As pure functions.
"""

from collections.abc import Mapping
import dataclasses

import numpy as np

from st_tf.arch.block_maps import ordered, parsed
from st_tf.arch.graph import Architecture, Graph
from st_tf.arch.repeats import Repeats
from st_tf.arch.resizing import Resizing
from st_tf.arch.specs import SpecError
from st_tf.models import build, named_variables
from st_tf.models.graph import graph_of
from st_tf.ticket import Ticket
from st_tf.ticket.moving import shuffled


@dataclasses.dataclass(frozen=True)
class Stretched:
  """What a ticket is at another depth.

  Attributes:
    arch: its network.
    supernet: the whole network that this is a part of.
    masks: kept weights of every prunable variable.
    values: every variable by 'layer/variable', pruned ones as they were given.
    survivors: original indices of the units that are left, by group.
  """

  arch: Architecture
  supernet: Architecture
  masks: dict[str, np.ndarray]
  values: dict[str, np.ndarray]
  survivors: dict[str, list[int]]


def resizing(
  whole: Architecture, depth: int = 0, block_map: str = '', order: str = 'interpolation', target: Architecture | None = None
) -> Resizing:
  """Which block of a network stands where in one of another depth.

  Args:
    whole: the source's whole network.
    depth: that is wanted; 0 = as the map or the target says.
    block_map: of all runs or of each; empty = by `order`.
    order: of the copies, where no map says it.
    target: the network that must come out; None = any.

  Raises:
    SpecError: the network has no such depth, the map is none of it, or what is wanted contradicts itself.
  """
  repeats = Repeats.of(whole)
  counts = repeats.wanted(depth) if depth else None
  like = _counts_like(repeats, target) if target is not None else None
  if not counts and not block_map.strip():
    counts = like
  if block_map.strip():
    maps = parsed(block_map, repeats.counts, [run.fixed for run in repeats.runs], [run.name for run in repeats.runs])
    found = tuple(len(each.sources) for each in maps)
    if counts and found != counts:
      raise SpecError(
        f'A map and a depth say the same. Received: --target_depth={depth}, which is {_shown(counts)} blocks, and a map to {_shown(found)}.'
        ' Leave out one.'
      )
  elif counts:
    maps = tuple(ordered(len(run.blocks), count, order, run.fixed, run.name) for run, count in zip(repeats.runs, counts))
  else:
    raise SpecError('A depth, a map or a network says what becomes of a ticket. Received: none. Write for example --target_depth=32.')
  found = Resizing(repeats, maps)
  if tuple(len(each.sources) for each in maps) == repeats.counts:
    raise SpecError(
      f'A ticket becomes one of another depth. Received: {_shown(repeats.counts)} blocks, which it has already. Take another depth, or'
      ' train it on as it is, by --method=fine_tune --init_from=FOLDER.'
    )
  if target is not None and found.of(whole) != target:
    raise SpecError(
      f'--supernet is the network that the source becomes. Received: another one than {repeats.naming.kind} of'
      f' {_shown(tuple(len(each.sources) for each in maps))} blocks. Leave it out, or name that network.'
    )
  return found


def _counts_like(repeats: Repeats, target: Architecture) -> tuple[int, ...]:
  """Blocks of each run of a network of the same kind.

  Raises:
    SpecError: it is of another.
  """
  other = Repeats.of(target)
  if other.naming != repeats.naming or len(other.runs) != len(repeats.runs):
    raise SpecError(
      f'A ticket is stretched within its family. Received: a source of {repeats.naming.kind} with {len(repeats.runs)} runs of blocks, and'
      f' --supernet of {other.naming.kind} with {len(other.runs)}. Take a source of that family.'
    )
  return other.counts


def _shown(counts: tuple[int, ...]) -> str:
  return ', '.join(map(str, counts))


def stretched(ticket: Ticket, found: Resizing, values: Mapping[str, np.ndarray], seed: int | None = None) -> Stretched:
  """The ticket at another depth.

  Args:
    ticket: which.
    found: of its supernet.
    values: of its network's variables, such as its early weights.
    seed: with which the masks of all copies but the first are shuffled; None = they are copied.

  Raises:
    SpecError: a variable of the network that comes out has no value, or one of another shape.
  """
  masks, arch = _spread(found, ticket.masks), found.of(ticket.arch)
  if seed is not None:
    later = {place for name in ticket.masks for place, replica in found.copies(name) if replica}
    masks |= shuffled({name: mask for name, mask in masks.items() if name in later}, seed)
  result = Stretched(arch, found.of(ticket.supernet), masks, _spread(found, values), _spread(found, ticket.survivors))
  _check_covered(result, ticket)
  return result


def _spread(found: Resizing, arrays: Mapping[str, np.ndarray | list[int]]) -> dict:
  return {place: value for name, value in arrays.items() for place, _ in found.copies(name)}


def _check_covered(result: Stretched, ticket: Ticket) -> None:
  """Raises SpecError unless every variable of the network has its value, and every mask its variable."""
  try:
    model = build(result.arch, ticket.head, ticket.input_shape)
  except RecursionError:
    raise SpecError(
      'Keras builds networks of some hundred layers one behind the other. Received: a deeper one. Take fewer blocks.'
    ) from None
  shapes = {name: tuple(variable.shape) for name, variable in named_variables(model).items()}
  found = {name: value.shape for name, value in result.values.items()}
  if isinstance(result.arch, Graph):
    shapes |= {f'the output of {node.name}': node.shape for node in graph_of(model).nodes}
    found |= {f'the output of {node.name}': node.shape for node in result.arch.nodes}
  wrong = next((name for name in (*shapes, *found) if shapes.get(name) != found.get(name)), None)
  wrong = wrong or next((name for name, mask in result.masks.items() if mask.shape != shapes.get(name)), None)
  if wrong is not None:
    raise SpecError(
      f'A copied block fits where it stands. Received: {wrong} of {found.get(wrong, "nothing")}, where {shapes.get(wrong, "nothing")} is'
      ' needed, since a search has left other widths there. Stretch a ticket of which no units were removed.'
    )

"""Which blocks of a network are copies of which of another depth (Chen et al., Elastic Lottery Ticket Hypothesis, NeurIPS 2021, section 3).

A map says of each block of the source where its copies stand: '0:0; 1:1,2; 2:3,4'. It stretches, so that no block is lost, or it squeezes,
so that none is copied twice. Blocks keep their order. Block 0 of a run that makes the run's shape is kept in its place.
"""

import collections
from collections.abc import Sequence
import dataclasses
import re

from st_tf.arch.specs import SpecError

INTERPOLATION, APPENDING = 'interpolation', 'appending'
ORDERS = (INTERPOLATION, APPENDING)
MOST_BLOCKS = 200  # Of a run; a ResNet-110 has 18 in each.
_ENTRY = re.compile(r'\s*(\d{1,4})\s*:\s*(\d{1,4}(?:\s*,\s*\d{1,4})*)\s*', re.ASCII)
_EXAMPLE = ' Write for example 0:0; 1:1,2; 2:3,4.'
_RUNS = '|'  # Between the maps of the runs.


@dataclasses.dataclass(frozen=True)
class BlockMap:
  """Where the blocks of one run come from.

  Attributes:
    sources: number of the source's block that stands at each place.
  """

  sources: tuple[int, ...]

  @property
  def replicas(self) -> tuple[int, ...]:
    """How many copies of the same block stand before each place."""
    seen: dict[int, int] = {}
    found = []
    for source in self.sources:
      found.append(seen.get(source, 0))
      seen[source] = found[-1] + 1
    return tuple(found)

  @property
  def is_order_kept(self) -> bool:
    """Whether the first copies of the blocks stand in the order of the blocks."""
    firsts = list(dict.fromkeys(self.sources))
    return firsts == sorted(firsts)

  def __str__(self) -> str:
    places = {source: [place for place, found in enumerate(self.sources) if found == source] for source in sorted(set(self.sources))}
    return '; '.join(f'{source}:{",".join(map(str, found))}' for source, found in places.items())


def ordered(source: int, target: int, order: str, is_fixed: bool = True, run: str = 'a run') -> BlockMap:
  """The map of an order from so many blocks to so many others.

  Stretched, each block has as many copies as the others, the first ones one more where it does not come out even. By 'interpolation' they
  stand beside their source, by 'appending' the blocks begin anew when they have been gone through. Squeezed, those stay whose first
  copies stand there when the result is stretched again by the same order.

  Args:
    source: blocks of the source.
    target: blocks that are wanted.
    order: one of `ORDERS`.
    is_fixed: whether block 0 is kept and never copied.
    run: what messages call it.

  Raises:
    SpecError: there is no such order, or nothing that could be copied.
  """
  if order not in ORDERS:
    raise SpecError(f'An order of copies is one of {", ".join(ORDERS)}. Received: {order!r}.')
  kept = int(is_fixed)
  before, after = source - kept, target - kept
  if after < 0 or before < 0:
    raise SpecError(f'Block 0 of {run} is kept, since it makes the shape of the others. Received: {target} blocks. Take 1 or more.')
  _check_most(target, run)
  if after and not before:
    raise SpecError(
      f'Block 0 of {run} is never copied, since it makes the shape of the others. Received: {target} blocks, of a source with {source}.'
      ' Take a source that has another block there.'
    )
  copied = _stretched(before, after, order) if after >= before else _first_of_each(_stretched(after, before, order))
  return BlockMap((*range(kept), *(block + kept for block in copied)))


def _check_most(blocks: int, run: str) -> None:
  if blocks > MOST_BLOCKS:
    raise SpecError(f'A run has at most {MOST_BLOCKS} blocks. Received: {blocks:,} for {run}. Take fewer.')


def _stretched(before: int, after: int, order: str) -> list[int]:
  """Which of `before` blocks stands at each of as many places or more."""
  if not before:
    return []
  if order == APPENDING:
    return [place % before for place in range(after)]
  return [block for block in range(before) for _ in range(after // before + (block < after % before))]


def _first_of_each(blocks: Sequence[int]) -> list[int]:
  """The places at which a block stands for the first time."""
  return [place for place, block in enumerate(blocks) if block not in blocks[:place]]


def parsed(text: str, blocks: Sequence[int], fixed: Sequence[bool], names: Sequence[str]) -> tuple[BlockMap, ...]:
  """The maps in '0:0; 1:1,2' for all runs, or in one for each joined by '|', of which an empty one leaves its run as it is.

  Args:
    text: the maps.
    blocks: of each run of the source.
    fixed: whether block 0 of a run is kept and never copied.
    names: of the runs.

  Raises:
    SpecError: naming what is wrong with the first map that is.
  """
  texts = text.split(_RUNS)
  if len(texts) == 1:
    texts *= len(blocks)
  if len(texts) != len(blocks):
    raise SpecError(
      f'A map is one for all runs of blocks, or one for each. Received: {len(texts)} for {len(blocks)} ({", ".join(names)}). Join as many'
      f' by {_RUNS}, an empty one where a run stays as it is.'
    )
  return tuple(
    _parsed(part, count, is_fixed, name) if part.strip() else BlockMap(tuple(range(count)))
    for part, count, is_fixed, name in zip(texts, blocks, fixed, names)
  )


def check_written(text: str) -> None:
  """Refuses what is no map whatever the source is.

  Raises:
    SpecError: naming the entry.
  """
  for part in text.split(_RUNS):
    if part.strip():
      _entries(part)


def _entries(text: str) -> dict[int, tuple[int, ...]]:
  """The places of each source."""
  found: dict[int, tuple[int, ...]] = {}
  for entry in text.strip().removesuffix(';').split(';'):
    match = _ENTRY.fullmatch(entry)
    if not match:
      raise SpecError(
        f'A map has entries SOURCE:PLACE,PLACE of block numbers, joined by semicolons. Received: {entry.strip()!r}.{_EXAMPLE}'
      )
    source = int(match[1])
    if source in found:
      joined = ','.join(dict.fromkeys((*map(str, found[source]), *_places(match))))
      kept = ', or 0:0 where block 0 is kept' if source == 0 and joined != '0' else ''
      raise SpecError(
        f'A map names each source block once. Received: {source} twice in {text.strip()!r}. Write {source}:{joined} once{kept}.'
      )
    found[source] = tuple(map(int, _places(match)))
  places = [place for listed in found.values() for place in listed]
  twice = next((place for place, times in collections.Counter(places).items() if times > 1), None)
  if twice is not None:
    raise SpecError(f'A place has one block. Received: place {twice} twice in {text.strip()!r}. Name it once.')
  _check_most(max(places) + 1, repr(text.strip()))
  missing = next((place for place in range(max(places)) if place not in places), None)
  if missing is not None:
    raise SpecError(
      f'A map covers all places from 0 on. Received: none for place {missing}, and place {max(places)}, in {text.strip()!r}.{_EXAMPLE}'
    )
  return found


def _places(match: re.Match) -> list[str]:
  return [str(int(place)) for place in match[2].split(',')]


def _parsed(text: str, blocks: int, is_fixed: bool, run: str) -> BlockMap:
  found, shown = _entries(text), repr(text.strip())
  unknown = next((source for source in found if source >= blocks), None)
  if unknown is not None:
    raise SpecError(f'A map names blocks that the source has. Received: block {unknown} of {run}, which has 0 to {blocks - 1}, in {shown}.')
  if is_fixed and found.get(0) != (0,):
    raise SpecError(
      f'Block 0 of {run} is kept in its place and never copied, since it makes the shape of the others. Received: {shown}. Begin with 0:0.'
    )
  copied = next((source for source, places in found.items() if len(places) > 1), None)
  lost = next((source for source in range(blocks) if source not in found), None)
  if copied is not None and lost is not None:
    raise SpecError(
      f'A map stretches, and then loses no block, or it squeezes, and then copies none. Received: block {copied} of {run} several times and'
      f' block {lost} not at all, in {shown}. Name block {lost} too, or block {copied} once.'
    )
  at = {place: source for source, places in found.items() for place in places}
  result = BlockMap(tuple(at[place] for place in range(len(at))))
  if not result.is_order_kept:
    raise SpecError(
      f'Blocks keep their order, copies may stand anywhere behind. Received: {shown} for {run}. Let places rise with the blocks.'
    )
  return result

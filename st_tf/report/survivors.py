"""Which units, kernels and blocks of the supernet a ticket still has, laid out as the network is."""

from collections.abc import Mapping, Sequence
import dataclasses
import re

from st_tf.arch.graph import Architecture, Graph
from st_tf.arch.specs import Block, HeadSpec, layout
from st_tf.search.analysis import analyse

_PLACES = (
  (re.compile(r'stage(\d+)/fuse/(?P<label>\d+to(?P<row>\d+))'), 'fuse'),
  (re.compile(r'stage(\d+)/branch(?P<row>\d+)/block(?P<label>\d+)'), 'blocks'),
  (re.compile(r'head/increase(?P<row>\d+)(?P<label>)'), 'increase'),
  (re.compile(r'head/down(?P<above>\d+)(?P<label>)'), 'down'),
  (re.compile(r'head/(?P<label>transform)'), 'transform'),
)


@dataclasses.dataclass(frozen=True)
class Strip:
  """The units of one kernel (or the tokens) of one block.

  Attributes:
    label: '3×3' or 'tokens'; '' of a channel group.
    total: units in the supernet.
    alive: indices, counted in the supernet, of those that are left; rising.
  """

  label: str
  total: int
  alive: tuple[int, ...]

  @property
  def path(self) -> str:
    """SVG path that fills the surviving units of a strip that is `total` wide and 1 high."""
    return ''.join(f'M{start} 0h{length}v1h-{length}z' for start, length in runs(self.alive))


@dataclasses.dataclass(frozen=True)
class BlockPicture:
  """One search block: a strip per kernel."""

  name: str
  label: str
  strips: tuple[Strip, ...]

  @property
  def is_dead(self) -> bool:
    """Whether nothing but the skip is left."""
    return not any(strip.alive for strip in self.strips)


@dataclasses.dataclass(frozen=True)
class NetworkPicture:
  """The network as a table.

  Attributes:
    columns: (stage, module) of each column, in the order of computation.
    rows: (name, height×width in pixels) of each branch, finest first.
    cells: (row, column) -> blocks, in order.
    has_branches: whether rows are branches and cells search blocks; else they are sizes of maps and channel groups.
  """

  columns: tuple[tuple[str, str], ...]
  rows: tuple[tuple[str, str], ...]
  cells: Mapping[tuple[int, int], tuple[BlockPicture, ...]]
  has_branches: bool = True

  @property
  def blocks(self) -> tuple[BlockPicture, ...]:
    """All blocks."""
    return tuple(block for blocks in self.cells.values() for block in blocks)

  @property
  def strips(self) -> tuple[Strip, ...]:
    """All strips of kernels, without tokens."""
    return tuple(strip for block in self.blocks for strip in block.strips if strip.label != 'tokens')


def network(
  supernet: Architecture, arch: Architecture, head: HeadSpec, survivors: Mapping[str, Sequence[int]], image_size: tuple[int, int]
) -> NetworkPicture:
  """The picture of what is left.

  Args:
    supernet: what the ticket was drawn from.
    arch: what is left of it.
    head: of both.
    survivors: 'block/k3' or 'block/transformer' -> original indices of what is left; a missing key means: all, where the
      kernel is still there.
    image_size: (height, width) of the images, in pixels.

  Raises:
    ValueError: `survivors` and `arch` do not fit together.
  """
  if isinstance(supernet, Graph):
    return _of_graph(supernet, arch, survivors)
  left = {block.name: block for block in layout(arch, head)}
  cells, columns = {}, []
  for block in layout(supernet, head):
    row, column, label = place(block.name)
    if column not in columns:
      columns.append(column)
    strips = tuple(_strips(block, left[block.name], survivors))
    cells.setdefault((row, columns.index(column)), []).append(BlockPicture(block.name, label, strips))
  count = 1 + max(row for row, _ in cells)
  rows = tuple((f'branch {row}', _resolution(image_size, supernet.input_stride << row)) for row in range(count))
  return NetworkPicture(tuple(columns), rows, {key: tuple(blocks) for key, blocks in cells.items()})


def _of_graph(supernet: Graph, arch: Graph, survivors: Mapping[str, Sequence[int]]) -> NetworkPicture:
  """One column of channel groups, and a row for each size of maps."""
  left = {group.name: group.units for group in analyse(arch).groups}
  cells, sizes = {}, []
  for group in analyse(supernet).searchable(residual=True):
    if group.is_residual and len(survivors.get(group.name, group.ids)) == group.units:
      continue  # Not searched, unless that was asked for.
    alive = tuple(survivors.get(group.name, range(group.units)))
    if len(alive) != left.get(group.name, 0):  # None of a block that went as a whole.
      found = left.get(group.name, 0)
      raise ValueError(f'Survivors are the units the network has left. Received: {len(alive)} for {found} of {group.name}.')
    size = '×'.join(str(side) for side in supernet[group.makers[0]].shape[:-1]) or '1×1'
    if size not in sizes:
      sizes.append(size)
    label = f'{group.name}: {len(alive):,} of {group.units:,}'
    cells.setdefault((sizes.index(size), 0), []).append(BlockPicture(group.name, label, (Strip('', group.units, alive),)))
  rows = tuple((f'maps {row}', size) for row, size in enumerate(sizes))
  return NetworkPicture((('network', 'channel groups'),), rows, {key: tuple(blocks) for key, blocks in cells.items()}, False)


def place(name: str) -> tuple[int, tuple[str, str], str]:
  """Row (branch), column (stage, module) and short label of a search block's name."""
  for pattern, module in _PLACES:
    if found := pattern.fullmatch(name):
      parts = found.groupdict()
      row = int(parts['row']) if 'row' in parts else int(parts['above']) + 1 if 'above' in parts else 0
      label = parts['label'].replace('to', '→')
      return row, (name.split('/')[0].replace('stage', 'stage '), module), label
  raise ValueError(f'A search block has a name that specs.layout gives. Received: {name!r}.')


def runs(indices: Sequence[int]) -> list[tuple[int, int]]:
  """(start, length) of each unbroken run in rising indices: [1, 2, 5] is [(1, 2), (5, 1)]."""
  found = []
  for index in indices:
    if found and sum(found[-1]) == index:
      found[-1] = (found[-1][0], found[-1][1] + 1)
    else:
      found.append((index, 1))
  return found


def _strips(before: Block, after: Block, survivors: Mapping[str, Sequence[int]]) -> list[Strip]:
  kept = {f'k{size}': units for size, units in after.spec.kernels} | {'transformer': after.spec.tokens}
  groups = [(f'k{size}', f'{size}×{size}', units) for size, units in before.spec.kernels]
  groups += [('transformer', 'tokens', before.spec.tokens)] * (before.spec.tokens > 0)
  strips = []
  for key, label, total in groups:
    units = kept.get(key, 0)
    alive = tuple(survivors.get(f'{before.name}/{key}', range(total) if units else ()))
    if len(alive) != units:
      raise ValueError(f'Survivors are the units the architecture has left. Received: {len(alive)} for {units} of {before.name}/{key}.')
    strips.append(Strip(label, total, alive))
  return strips


def _resolution(image_size: tuple[int, int], stride: int) -> str:
  return '×'.join(str(-(-side // stride)) for side in image_size)

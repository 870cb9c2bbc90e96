"""How many of its weights each layer keeps, block by block."""

from collections.abc import Mapping, Sequence
import dataclasses
import re

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
import numpy as np

from st_tf.arch.graph import Architecture, Graph
from st_tf.arch.specs import HeadSpec, layout
from st_tf.report import ink

# Upper bounds of the shades: most layers of a sparse network lie at the low end.
BOUNDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_INCHES_PER_LETTER = 0.085


@dataclasses.dataclass(frozen=True)
class DensityTable:
  """Density of every masked layer.

  Attributes:
    columns: blocks and layers outside blocks, in network order.
    groups: which stage each column belongs to.
    roles: what a layer does in its block, such as 'k3/expand'; '' for layers outside blocks.
    layers: [roles, columns] density in [0, 1]; NaN where there is no such layer.
    totals: [columns] density of all masked weights of the column; NaN where nothing is left.
  """

  columns: tuple[str, ...]
  groups: tuple[str, ...]
  roles: tuple[str, ...]
  layers: np.ndarray
  totals: np.ndarray


def table(masks: Mapping[str, np.ndarray], supernet: Architecture, head: HeadSpec) -> DensityTable:
  """Densities from masks 'layer/variable' -> bool; blocks of the supernet without a mask keep an empty column."""
  if isinstance(supernet, Graph):
    layers = (node.layer for node in supernet.nodes if any(f'{node.layer}/{name}' in masks for name in node.weights))
    blocks = list(dict.fromkeys(layer.rpartition('/')[0] or layer for layer in layers))
  else:
    blocks = [block.name for block in layout(supernet, head)]
  places = {}
  for key in masks:
    layer = key.rpartition('/')[0]
    block = next((name for name in blocks if layer.startswith(f'{name}/')), layer)
    places[key] = block, layer[len(block) + 1 :]
  outside = list(dict.fromkeys(block for block, _ in places.values() if block not in blocks))
  stem = [name for name in outside if name.startswith('stem')]
  columns = stem + blocks + [name for name in outside if name not in stem]
  roles = sorted({role for _, role in places.values()}, key=_natural)
  kept, total = np.zeros((2, len(roles), len(columns)))
  for key, mask in masks.items():
    at = roles.index(places[key][1]), columns.index(places[key][0])
    kept[at] += np.count_nonzero(mask)
    total[at] += np.size(mask)
  groups = tuple(name.split('/')[0].replace('stage', 'stage ') for name in columns)
  return DensityTable(tuple(columns), groups, tuple(roles), _divide(kept, total), _divide(kept.sum(0), total.sum(0)))


def density(data: DensityTable, overall: float) -> Figure:
  """Density per block as bars, and below it per layer as shades.

  Args:
    data: from `table`.
    overall: density of all masked weights together, a line across the bars.
  """
  figure = ink.figure((11, 4.0 + 0.2 * len(data.roles)))
  upper, lower = figure.subplots(2, sharex=True, height_ratios=(6, 1 + len(data.roles)))
  _draw_bars(ink.style(upper), data.totals, overall)
  ink.style(lower).grid(visible=False)
  for row, column in np.argwhere(~np.isnan(data.layers)):
    shade = _shade(data.layers[row, column])
    lower.add_patch(Rectangle((column - 0.46, row - 0.44), 0.92, 0.88, facecolor=ink.FIRST, alpha=shade, linewidth=0))
  lower.set_ylim(len(data.roles) - 0.5, -0.5)
  lower.set_yticks(range(len(data.roles)), [role or 'not in a block' for role in data.roles])
  lower.set_xticks(range(len(data.columns)), [_short(name) for name in data.columns], rotation=90, fontsize=7.5)
  _name_groups(upper, lower, data.groups)
  shades = [Patch(facecolor=ink.FIRST, alpha=_shade(bound), linewidth=0, label=f'≤ {bound:.0%}') for bound in BOUNDS]
  figure.legend(
    handles=shades,
    loc='outside lower left',
    ncols=len(BOUNDS),
    frameon=False,
    fontsize=8.5,
    labelcolor=ink.INK,
    handlelength=1.2,
  )
  return figure


def _draw_bars(axes: Axes, totals: np.ndarray, overall: float) -> None:
  axes.bar(np.arange(len(totals)), np.nan_to_num(totals), color=ink.FIRST, width=0.8)
  for x in np.flatnonzero(np.isnan(totals)):
    axes.annotate('×', (x, 0), (0, 2), textcoords='offset points', ha='center', color=ink.MUTED, fontsize=9)
  axes.axhline(overall, color=ink.SECOND, linewidth=1.2, linestyle=(0, (4, 2)))
  place = {'xycoords': ('axes fraction', 'data'), 'textcoords': 'offset points', 'va': 'center'}
  axes.annotate(f'all {overall:.1%}', (1, overall), (4, 0), **place, fontsize=8.5, color=ink.SECOND)
  ink.percent(axes.yaxis)
  axes.set_ylim(0)
  axes.set_xlim(-0.6, len(totals) - 0.4)


def _name_groups(upper: Axes, lower: Axes, groups: Sequence[str]) -> None:
  starts = [i for i, group in enumerate(groups) if not i or group != groups[i - 1]]
  inches = (upper.figure.get_figwidth() - 1.6) / len(groups)
  for start, end in zip(starts, [*starts[1:], len(groups)]):
    label = groups[start]
    fits = (end - start) * inches >= _INCHES_PER_LETTER * len(label)
    upper.annotate(
        label, (start - 0.35, 1), (0, 3), xycoords=('data', 'axes fraction'), textcoords='offset points',
        rotation=0 if fits else 45, fontsize=8.5, color=ink.MUTED,
    )  # fmt: skip
    for axes in (upper, lower) if start else ():
      axes.axvline(start - 0.5, color=ink.MUTED, linewidth=0.6)
  upper.tick_params(axis='x', bottom=False, labelbottom=False)
  lower.tick_params(axis='x', bottom=False)


def _short(column: str) -> str:
  """'stage3/branch2/block1' is '2.1': the stage is written above it."""
  return (column.partition('/')[2] or column).replace('branch', '').replace('/block', '.').replace('/', ' ')


def _shade(value: float) -> float:
  return 0.12 + 0.88 * int(np.searchsorted(BOUNDS, value - 1e-12)) / (len(BOUNDS) - 1)


def _divide(kept: np.ndarray, total: np.ndarray) -> np.ndarray:
  return np.divide(kept, total, out=np.full(total.shape, np.nan), where=total > 0)


def _natural(role: str) -> tuple:
  return tuple((int(part), '') if part.isdigit() else (-1, part) for part in re.split(r'(\d+)', role))

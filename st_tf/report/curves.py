"""How a run went: one matplotlib figure per question, from the rows of its metrics file."""

from collections.abc import Mapping, Sequence
import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from st_tf.report import ink
from st_tf.wording import score_name

Row = Mapping[str, Any]


def loss(history: Sequence[Row]) -> Figure | None:
  """Training and validation loss over the epochs."""
  lines = [('training', series(history, 'loss')), ('validation', series(history, 'validation', 'loss'))]
  return _over_epochs(lines, history)


def accuracy(history: Sequence[Row], metric: str, dense_history: Sequence[Row] = ()) -> Figure | None:
  """Training and validation scores over the epochs, with the dense run's beside them."""
  lines = [('training', series(history, f'train_{metric}')), ('validation', series(history, 'validation', metric))]
  if dense_history:
    lines.append(('validation, dense network', series(dense_history, 'validation', metric)))
  return _over_epochs(lines, history, percent=True)


def learning_rate(history: Sequence[Row]) -> Figure | None:
  """Learning rate over the epochs."""
  return _over_epochs([('learning rate', series(history, 'learning_rate'))], history, floor=0)


def penalty(history: Sequence[Row]) -> Figure | None:
  """Strength of the penalty on the importance factors over the epochs."""
  return _over_epochs([('penalty', series(history, 'penalty'))], history, floor=0)


def macs(history: Sequence[Row], supernet_macs: float, target_macs: float | None = None) -> Figure | None:
  """MACs of the network as it is, and of its non-zero weights, over the epochs."""
  whole = _after_events(history)
  lines = [('network', whole), ('non-zero weights only', series(history, 'nonzero_macs'))]
  figure = _over_epochs(lines, history, floor=0)
  if figure is not None:
    axes = figure.axes[0]
    axes.yaxis.set_major_formatter(EngFormatter(sep=' '))
    _level(axes, supernet_macs, 'supernet')
    if target_macs:
      _level(axes, target_macs, 'target')
    axes.set_ylim(0, 1.12 * max(supernet_macs, *(y for _, points in lines for _, y in points)))
  return figure


def latency(history: Sequence[Row], target: float | None = None) -> Figure | None:
  """Milliseconds that a latency table foretells over the epochs; None where the run had no table."""
  points = series(history, 'latency_ms')
  if not points:
    return None
  figure = _over_epochs([('milliseconds', points)], history, floor=0)
  if figure is not None and target:
    _level(figure.axes[0], target, 'target')
    figure.axes[0].set_ylim(0, 1.12 * max(target, *(y for _, y in points)))
  return figure


def sparsity(history: Sequence[Row], metric: str) -> Figure | None:
  """Score and sparsity over the epochs, above each other, with every pruning and shrinking marked."""
  scores, prunings = series(history, 'validation', metric), events(history, 'prune')
  fractions = sorted([*series(history, 'sparsity'), *((at, row['sparsity']) for at, row in prunings)])
  if not scores or not fractions:
    return None
  figure = ink.figure((5.6, 4.2))
  upper, lower = figure.subplots(2, sharex=True, height_ratios=(3, 2))
  panels = ((upper, scores, ink.FIRST, f'{score_name(metric)}, validation'), (lower, fractions, ink.SECOND, 'sparsity'))
  for axes, points, colour, label in panels:
    ink.style(axes)
    axes.plot(*zip(*points), color=colour, marker='o' if axes is upper else None, markersize=3, linewidth=1.6, label=label)
    ink.percent(axes.yaxis)
  upper.margins(y=0.15)
  lower.set_ylim(-0.06, 1.03)
  if prunings:
    lower.plot([at for at, _ in prunings], [-0.03] * len(prunings), '|', color=ink.INK, markersize=5, label='pruning')
  for axes in (upper, lower):
    for i, (at, _) in enumerate(events(history, 'shrink')):
      axes.axvline(at, color=ink.THIRD, linestyle=(0, (4, 2)), linewidth=1, label='shrinking' if axes is upper and not i else None)
  _epochs(lower)
  ink.legend(upper)
  ink.legend(lower)
  return figure


def epochs(history: Sequence[Row]) -> list[Row]:
  """The rows that end an epoch."""
  return [row for row in history if row.get('event') == 'epoch']


def events(history: Sequence[Row], name: str) -> list[tuple[float, Row]]:
  """(time in epochs, row) of each event called `name`; a run without a finished epoch has no such time."""
  steps = [row['step'] / row['epoch'] for row in epochs(history) if row.get('step')]
  return [(row['step'] / steps[-1], row) for row in history if row.get('event') == name] if steps else []


def _after_events(history: Sequence[Row]) -> list[tuple[float, float]]:
  points = series(history, 'macs')
  for at, row in events(history, 'shrink'):
    points += [(at, row['macs_before']), (at, row['macs_after'])]
  return sorted(points, key=lambda point: (point[0], -point[1]))  # a step down is drawn upright


def series(history: Sequence[Row], *keys: str) -> list[tuple[float, float]]:
  """(epoch, value) of what `keys` lead to, one after the other, in each epoch's row; those without it are left out."""
  values = [(row['epoch'], number(row, *keys)) for row in epochs(history)]
  return [(epoch, value) for epoch, value in values if value is not None]


def number(row: Row, *keys: str) -> float | None:
  """The number that `keys` lead to, one after the other; None where there is none, or it is not finite."""
  value = row
  for key in keys:
    value = value.get(key) if isinstance(value, Mapping) else None
  return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def _over_epochs(
  lines: Sequence[tuple[str, list[tuple[float, float]]]], history: Sequence[Row], *, percent: bool = False, floor: float | None = None
) -> Figure | None:
  lines = [(label, points) for label, points in lines if points]
  if not lines:
    return None
  figure = ink.figure((5.6, 3.0))
  axes = ink.style(figure.subplots())
  for (label, points), colour in zip(lines, (ink.FIRST, ink.SECOND, ink.THIRD)):
    marker = 'o' if len(points) == 1 else None
    axes.plot(*zip(*points), color=colour, linewidth=1.8, marker=marker, markersize=4, label=label)
  if percent:
    ink.percent(axes.yaxis)
  if floor is not None:
    axes.set_ylim(bottom=floor)
  _epochs(axes)
  if len(lines) > 1:
    ink.legend(axes)
  return figure


def _level(axes: Axes, value: float, label: str) -> None:
  axes.axhline(value, color=ink.MUTED, linewidth=1, linestyle=(0, (2, 2)))
  place = {'xycoords': ('axes fraction', 'data'), 'textcoords': 'offset points', 'ha': 'right'}
  axes.annotate(label, (1, value), (-2, 3), **place, fontsize=8, color=ink.MUTED)


def _epochs(axes: Axes) -> None:
  axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
  axes.set_xlabel('epoch', color=ink.MUTED, fontsize=8.5)

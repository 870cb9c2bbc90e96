"""Score against sparsity: the way a run went through both, and where its tickets are."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
import numpy as np

from st_tf.report import curves, ink

_SAME = 0.002  # Sparsities that are no further apart are one place: a run stands still before and after its prunings.
_APART = 0.08  # Of the axes' width, between the numbers of epochs that are written.
_TICKS = (0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999)
_TICKS_APART = 0.07
_LEAST_LEFT = 1e-4  # Of the weights, to the right of which the axis does not stretch further.


def draw(history: Sequence[Mapping[str, Any]], metric: str, tickets: Sequence[tuple[float, float]] = ()) -> Figure | None:
  """The figure; None without epochs.

  Where the run stands still for several epochs the best and the worst of them are joined by a bar. The axis is stretched to the right, by
  the logarithm of what is left, since prunings come closer there.

  Args:
    history: rows of the run's metrics file.
    metric: the score.
    tickets: those that were saved, as (sparsity, score).
  """
  rows = [row for row in curves.epochs(history) if None not in (curves.number(row, 'validation', metric), curves.number(row, 'sparsity'))]
  if not rows:
    return None
  stops = _stops([(row['sparsity'], row['validation'][metric], row['epoch']) for row in rows])
  figure = ink.figure((5.6, 4.2))
  axes = ink.style(figure.subplots())
  axes.set_xscale('function', functions=(stretched, lambda value: 1 - np.exp(-value)))
  xs, ys = [stop[-1][0] for stop in stops], [stop[-1][1] for stop in stops]
  axes.plot(xs, ys, color=ink.FIRST, linewidth=1, marker='o', markersize=4, label='after an epoch')
  for stop in stops:
    if len(stop) > 1:
      scores = [score for _, score, _ in stop]
      axes.plot([stop[-1][0]] * 2, [min(scores), max(scores)], color=ink.FIRST, linewidth=5, alpha=0.3, solid_capstyle='butt')
  if tickets:
    axes.plot(*zip(*tickets), '*', color=ink.SECOND, markersize=11, label='saved ticket')
  _limit(axes, [*xs, *(x for x, _ in tickets)])
  ink.percent(axes.xaxis)
  ink.percent(axes.yaxis)
  axes.margins(y=0.12)
  _number(axes, stops, tickets)
  axes.set_xlabel('sparsity (the small numbers are epochs)', color=ink.MUTED, fontsize=8.5)
  ink.legend(axes)
  return figure


def stretched(sparsity: np.ndarray) -> np.ndarray:
  """The place of a sparsity on the axis: minus the logarithm of the part that is left."""
  return -np.log(np.maximum(1 - np.asarray(sparsity), _LEAST_LEFT))


def _stops(points: Sequence[tuple[float, float, int]]) -> list[list[tuple[float, float, int]]]:
  """(sparsity, score, epoch), those together that come one after the other at the same sparsity."""
  stops: list[list[tuple[float, float, int]]] = []
  for point in points:
    if stops and abs(stops[-1][0][0] - point[0]) <= _SAME:
      stops[-1].append(point)
    else:
      stops.append([point])
  return stops


def _limit(axes: Axes, xs: Sequence[float]) -> None:
  low, high = (float(stretched(value)) for value in (min(xs), max(xs)))
  beside = 0.06 * ((high - low) or 1)
  axes.set_xlim(1 - np.exp(beside - low), 1 - np.exp(-high - beside))
  shown = [value for value in _TICKS if low - beside <= stretched(value) <= high + beside]
  ticks: list[float] = []
  for value in reversed(shown):
    if not ticks or stretched(ticks[-1]) - stretched(value) >= _TICKS_APART * ((high - low) or 1):
      ticks.append(value)
  axes.xaxis.set_major_locator(FixedLocator(ticks))
  axes.xaxis.set_minor_locator(NullLocator())


def _number(axes: Axes, stops: Sequence[Sequence[tuple[float, float, int]]], tickets: Sequence[tuple[float, float]]) -> None:
  """Writes epochs beside their points, from the last one back, where there is room."""
  places = axes.transData + axes.transAxes.inverted()
  occupied = [places.transform(ticket) for ticket in tickets]
  for index in dict.fromkeys([len(stops) - 1, 0, *reversed(range(1, len(stops) - 1))]):
    stop = stops[index]
    x, y, last = stop[-1]
    place = places.transform((x, y))
    is_end = index in (0, len(stops) - 1)
    if is_end or all(abs(place[0] - other[0]) >= _APART for other in occupied):
      occupied.append(place)
      text = f'{stop[0][2]}–{last}' if len(stop) > 1 else f'{last}'
      # At the ends beside the point, in between on the side to which the line does not turn.
      is_above = not is_end and 2 * y >= stops[index - 1][-1][1] + stops[index + 1][-1][1]
      offset = (6, -9) if is_end else (0, 6) if is_above else (0, -12)
      style = {'textcoords': 'offset points', 'ha': 'left' if is_end else 'center', 'fontsize': 7.5, 'color': ink.MUTED}
      axes.annotate(text, (x, y), offset, **style)

"""Score against what it costs, a point per method and sparsity, with the front that no other point beats."""

from collections.abc import Sequence
import dataclasses
import math
import textwrap

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from st_tf.report import ink
from st_tf.wording import count

# Okabe and Ito's, which colour-blind people tell apart, on white and on black. As many shapes as have no divisor in common with the
# number of colours: 77 pairs before one comes again, neighbours of which differ in both.
_COLOURS = ('#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#8f8f8f')
_SHAPES = 'osD^vPX*<>p'
_LETTER = 0.066  # Inches, of a legend.
_WIDTH = 5.6
_NAME = 76  # Letters of a method that a line of the legend has room for.
_WIDE = 4  # Largest over smallest cost, from which few ticks do.
_NARROW = 1.5  # And the least that an axis shows: costs that are nearly equal are to look so.


@dataclasses.dataclass(frozen=True)
class Point:
  """A method at one sparsity.

  Attributes:
    label: the method.
    cost: that the score is drawn against.
    score: mean over seeds.
    deviation: over seeds; NaN with one.
    is_front: whether no other point has a better score at no more cost.
  """

  label: str
  cost: float
  score: float
  deviation: float
  is_front: bool


def draw(points: Sequence[Point], cost_title: str, labels: Sequence[str] = ()) -> Figure | None:
  """The figure; None without points.

  Args:
    points: of it.
    cost_title: of the horizontal axis, which is logarithmic: what costs nothing has no place on it.
    labels: methods whose place decides on colour and shape, so that a method looks alike in all figures; empty = those of `points`.
  """
  points = [point for point in points if point.cost > 0]
  if not points:
    return None
  labels = labels or list(dict.fromkeys(point.label for point in points))
  named = {point.label for point in points}
  columns = max(1, min(len(named), int(_WIDTH / (_LETTER * max(map(len, named)) + 0.5))))
  figure = ink.figure((_WIDTH, 3.6 + 0.19 * math.ceil((len(named) + 1) / columns)))
  axes = ink.style(figure.subplots())
  on_front = sorted((point.cost, point.score) for point in points if point.is_front)
  if len(on_front) > 1:  # A front of one point is that point, and no line.
    axes.plot(*zip(*on_front), drawstyle='steps-post', color=ink.LINE, linewidth=5, solid_capstyle='round', zorder=1, label='front')
  for index, label in enumerate(labels):
    own = sorted((point for point in points if point.label == label), key=lambda point: point.cost)
    if not own:
      continue
    colour, shape = _COLOURS[index % len(_COLOURS)], _SHAPES[index % len(_SHAPES)]
    xs, ys = [point.cost for point in own], [point.score for point in own]
    axes.plot(xs, ys, color=colour, marker=shape, markersize=6.5, linewidth=1, alpha=0.95, label=_named(label), zorder=3)
    spread = [point for point in own if point.deviation == point.deviation]
    axes.errorbar(
      *([getattr(point, name) for point in spread] for name in ('cost', 'score', 'deviation')),
      **{'fmt': 'none', 'ecolor': colour, 'elinewidth': 1, 'capsize': 3, 'zorder': 2},
    )
  axes.set_xscale('log')
  low, high = min(point.cost for point in points), max(point.cost for point in points)
  span = high / low
  axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5) if span > _WIDE else (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)))
  axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: count(value)))
  axes.xaxis.set_minor_locator(NullLocator())
  ink.percent(axes.yaxis)
  axes.margins(0.06, 0.1)
  if span > 1:  # Around one cost alone matplotlib puts whole decades.
    low, high = axes.get_xlim()
  if high / low < _NARROW:
    middle = math.sqrt(low * high)
    axes.set_xlim(middle / math.sqrt(_NARROW), middle * math.sqrt(_NARROW))
  axes.set_xlabel(cost_title, color=ink.MUTED, fontsize=8.5)
  figure.legend(loc='outside lower left', ncols=columns, frameon=False, fontsize=8, labelcolor=ink.INK, handlelength=1.4)
  return figure


def has_front(points: Sequence[Point]) -> bool:
  """Whether `draw` draws a front: it has more than one point."""
  return sum(point.is_front and point.cost > 0 for point in points) > 1


def _named(label: str) -> str:
  """A label as matplotlib takes it: in lines that fit, without formulas."""
  return textwrap.fill(label, _NAME).replace('$', r'\$')

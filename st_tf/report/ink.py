"""The look of all figures: colours that follow the page's light or dark theme, and SVG that fits into it."""

import html
import io
import re

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

# Placeholders: `svg` replaces each with the page's variable, so that one picture serves both themes.
INK, MUTED, LINE, FIRST, SECOND, THIRD = (f'#0101{i:02x}' for i in range(1, 7))
_NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
_VARIABLES = {INK: '--ink', MUTED: '--muted', LINE: '--line', FIRST: '--first', SECOND: '--second', THIRD: '--third'}


def figure(size: tuple[float, float]) -> Figure:
  """An empty figure of (width, height) inches that no global state knows."""
  empty = Figure(figsize=size, layout='constrained')
  FigureCanvasSVG(empty)
  return empty


def style(axes: Axes) -> Axes:
  """The same axes, sober: two spines, light lines across, small labels."""
  axes.patch.set_visible(False)
  for side, spine in axes.spines.items():
    spine.set_visible(side in ('left', 'bottom'))
    spine.set_color(LINE)
  axes.tick_params(colors=LINE, labelcolor=MUTED, labelsize=8.5, length=3)
  axes.grid(axis='y', color=LINE, linewidth=0.6)
  axes.set_axisbelow(True)
  return axes


def percent(axis: Axis) -> None:
  """Labels an axis of fractions as percent, with as many digits as its ticks need."""
  axis.set_major_formatter(FuncFormatter(lambda value, _: f'{round(100 * value, 6):g}%'))


def legend(axes: Axes) -> None:
  """Names the lines above the axes, where no line runs."""
  spacing = {'borderaxespad': 0.2, 'handlelength': 1.6, 'columnspacing': 1.4}
  axes.legend(loc='lower left', bbox_to_anchor=(0, 1), ncols=3, frameon=False, fontsize=8.5, labelcolor=INK, **spacing)


def svg(drawn: Figure, title: str) -> str:
  """The figure as an SVG element for an HTML page, the same text for the same figure.

  Args:
    drawn: a figure made by `figure`.
    title: what it shows, for readers who cannot see it; also makes its inner ids distinct from other figures'.
  """
  file = io.StringIO()
  # Text stays text (the page's font, searchable) and ids repeat from run to run; both can only be set this way.
  with matplotlib.rc_context({'svg.fonttype': 'none', 'svg.hashsalt': title}):
    drawn.savefig(file, format='svg', transparent=True, metadata={'Date': None, 'Creator': None, 'Format': None, 'Type': None})
  text = file.getvalue()
  text = text[text.index('<svg') :]
  text = re.sub(r'<!--.*?-->\s*|<metadata>.*?</metadata>\s*', '', text, flags=re.DOTALL)
  text = re.sub(r'<g id="(?!m[0-9a-f]{10})[^"]*"', '<g', text)  # ids such as axes_1 would repeat within the page
  text = re.sub(r'font-family: [^;"]*; ', '', text)
  for colour, variable in _VARIABLES.items():
    text = text.replace(colour, f'var({variable})')
  # Without a size of its own the picture takes the page's width.
  view = re.search(r'viewBox="[^"]*"', text).group()
  start = f'<svg role="img" aria-label="{html.escape(title)}" {view} {_NAMESPACES}>'
  return start + text[text.index('>') + 1 :]

"""The page of a comparison of methods: plots, what the differences mean, the table."""

from collections.abc import Sequence
import pathlib
from typing import Any

from markupsafe import Markup

from st_tf import files
from st_tf.report import ink, pareto, template


def write(
  path: pathlib.Path,
  title: str,
  about: Sequence[str],
  command: str,
  plots: Sequence[tuple[str, str, Sequence[pareto.Point]]],
  conclusion: Sequence[str],
  differences: Sequence[str],
  columns: Sequence[str],
  rows: Sequence[Sequence[tuple[str, Any]]],
  trims: Sequence[str],
  errors: Sequence[str],
) -> None:
  """Writes the page.

  Args:
    path: of the file.
    title: of the page.
    about: paragraphs on what was compared, and how.
    command: that was given.
    plots: (title, name of the horizontal axis, points).
    conclusion: lines.
    differences: lines that say it in numbers.
    columns: titles of the table.
    rows: cells as (shown, value to sort by).
    trims: a line per method of which units had to go to meet a target.
    errors: a line per run without a ticket.
  """
  labels = list(dict.fromkeys(point.label for _, _, points in plots for point in points))
  figures = [(name, pareto.draw(points, axis, labels)) for name, axis, points in plots]
  content = {
    'title': title,
    **{'about': about, 'command': command},
    'has_front': any(pareto.has_front(points) for _, _, points in plots),
    'has_bars': any(point.deviation == point.deviation for _, _, points in plots for point in points),
    'figures': [(name, Markup(ink.svg(figure, name))) for name, figure in figures if figure is not None],
    **{'conclusion': conclusion, 'differences': differences, 'columns': columns, 'rows': rows, 'trims': trims, 'errors': errors},
    **template.parts(),
  }
  path.parent.mkdir(parents=True, exist_ok=True)
  files.write_text(path, template.load('comparison.html').render(content).lstrip())

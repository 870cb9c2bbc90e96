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
  differences: Sequence[str],
  columns: Sequence[str],
  rows: Sequence[Sequence[tuple[str, Any]]],
  errors: Sequence[str],
) -> None:
  """Writes the page.

  Args:
    path: of the file.
    title: of the page.
    about: paragraphs on what was compared, and how.
    command: that was given.
    plots: (title, name of the horizontal axis, points).
    differences: lines.
    columns: titles of the table.
    rows: cells as (shown, value to sort by).
    errors: a line per run without a ticket, and per target that was missed.
  """
  labels = list(dict.fromkeys(point.label for _, _, points in plots for point in points))
  figures = [(name, pareto.draw(points, axis, labels)) for name, axis, points in plots]
  content = {
    'title': title,
    **{'about': about, 'command': command},
    'figures': [(name, Markup(ink.svg(figure, name))) for name, figure in figures if figure is not None],
    **{'differences': differences, 'columns': columns, 'rows': rows, 'errors': errors},
    **template.parts(),
  }
  path.parent.mkdir(parents=True, exist_ok=True)
  files.write_text(path, template.load('comparison.html').render(content).lstrip())

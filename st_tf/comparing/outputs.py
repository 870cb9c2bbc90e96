"""What a comparison leaves: comparison.md, .csv and .json, and a page with Pareto plots."""

from collections.abc import Callable, Iterator, Sequence
import json
import math
import pathlib

from st_tf import files, wording
from st_tf.comparing import fitted, table
from st_tf.comparing.statistics import front
from st_tf.comparing.table import Row
from st_tf.report import comparison
from st_tf.report.pareto import Point

_NETWORK_COSTS: tuple[tuple[str, str, Callable[[Row], float]], ...] = (
  ('against MACs of the network', 'non-zero MACs per image', lambda row: row.costs['nonzero_macs']),
  ('against the size of the file', 'bytes of the .tflite file', lambda row: row.size),
)


def write(
  root: pathlib.Path, rows: Sequence[Row], metric: str, title: str, about: Sequence[str], command: str, split: str = table.TEST
) -> None:
  """Writes all of it into `root`.

  Args:
    root: folder for all of it.
    rows: of the table.
    metric: the score that is compared.
    title: of the page.
    about: paragraphs on what was compared, and how.
    command: that was given.
    split: whose scores are compared.
  """
  root.mkdir(parents=True, exist_ok=True)
  files.write_text(root / 'comparison.md', '\n\n'.join([f'# {title}', *about, f'    {command}', table.markdown(rows, metric, split)]))
  files.write_text(root / 'comparison.csv', table.as_csv(rows))
  files.write_text(root / 'comparison.json', json.dumps({'metric': metric, 'split': split, 'rows': table.as_data(rows)}, indent=1) + '\n')
  comparison.write(
    root / 'index.html',
    title,
    about,
    command,
    list(_plots(rows, wording.score_title(metric))),
    [line for line in (table.best(rows, metric), *table.verdicts(rows)) if line],
    list(table.differences(rows)),
    table.columns(metric, split),
    [list(zip(table.cells(row, metric, split), _values(row, split), strict=True)) for row in rows],
    list(table.trims(rows)),
    list(table.failures(rows)),
  )


def _plots(rows: Sequence[Row], score: str) -> Iterator[tuple[str, str, list[Point]]]:
  """All sparsities in one plot where they cost differently; training costs them all alike, so there each has a plot."""
  for words, axis, cost in _NETWORK_COSTS:
    yield f'{score} {words}', axis, points(rows, cost)
  for sparsity in sorted({row.sparsity for row in rows if row.sparsity}):
    there = [row for row in rows if row.sparsity in (sparsity, 0.0)]
    title = f'{score} against the cost of training, at {wording.sparsity(sparsity)} sparsity'
    yield title, 'MACs of all training for one ticket', points(there, lambda row: row.training.macs)


def points(rows: Sequence[Row], cost: Callable[[Row], float]) -> list[Point]:
  """The points of a plot; rows without a ticket have none, and a budget that a method keeps to anyway adds none."""
  distinct: dict[tuple, Row] = {}  # Runs that took the same seconds to the same scores are the same runs.
  for row in rows:
    if row.scores:
      distinct.setdefault((row.label, row.sparsity, row.training, tuple(row.scores.items())), row)
  there = list(distinct.values())
  best = set(front([(cost(row), row.mean) for row in there]))
  return [Point(row.name, cost(row), row.mean, row.deviation, index in best) for index, row in enumerate(there)]


def terminal(rows: Sequence[Row], metric: str, split: str = table.TEST, width: int | None = None) -> str:
  """The table in aligned columns, and what came out in words.

  Args:
    rows: of the table.
    metric: the score that is compared.
    split: whose scores are compared.
    width: columns of the terminal; None = it is asked.
  """
  room = width or fitted.width()
  lines = fitted.table(table.columns(metric, split), [table.cells(row, metric, split) for row in rows], room)
  errors = [f'without a result: {line}' for line in table.failures(rows)]
  told = [table.best(rows, metric), *table.differences(rows), *table.trims(rows), *errors]
  return '\n'.join([*lines, '', *(fitted.text(line, room) for line in told if line)])


def _values(row: Row, split: str) -> list[float | str]:
  training, costs = row.training, row.costs
  beside = [row.validation] * (split == table.TEST)
  return [
    row.name,
    row.sparsity,
    len(row.scores),
    row.mean,
    row.interval[0] if row.interval else math.nan,
    *beside,
    costs['nonzero_macs'],
    costs['nonzero_params'],
    row.size,
    training.epochs,
    training.macs,
    training.seconds,
    row.rate.chosen,
  ]

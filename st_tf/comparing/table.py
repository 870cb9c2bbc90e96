"""The table of a comparison: rows out of tickets, and rows as Markdown, CSV and JSON."""

from collections.abc import Iterator, Mapping, Sequence
import csv
import dataclasses
import io
import math
from typing import Any

from st_tf import wording
from st_tf.comparing.record import COSTS, Record
from st_tf.comparing.statistics import Difference, difference, mean_and_deviation
from st_tf.task.confidence import Interval
from st_tf.ticket.facts import TrainingCost

TEST, VALIDATION = 'test', 'validation'
_MEANING = {  # Of (verdict, whether the difference is inside the noise).
  ('ahead', False): 'ahead, beyond the noise',
  ('equal', True): 'equal, in that a loss above 1 point is excluded; the difference itself is inside the noise',
  ('equal', False): 'equal, in that a loss above 1 point is excluded; the smaller loss is beyond the noise',
  ('behind', False): 'behind, beyond the noise',
  ('undecided', True): 'undecided: inside the noise of so few seeds',
}
_VERDICTS = {
  'ahead': 'is beyond the noise ahead of',
  'equal': 'is at most a point behind',
  'behind': 'is beyond the noise behind',
  'undecided': 'is not shown, by so few seeds, to be ahead of or behind',
}
_INTERVAL = '95% interval'
_BESIDE = {TEST: ('Validation',), VALIDATION: ()}  # Columns beside the score.


@dataclasses.dataclass(frozen=True)
class Result:
  """One run of the table.

  Attributes:
    label: the method.
    sparsity: of the ticket.
    seed: of the run.
    budget: what all its trainings together may have cost, in epochs of the supernet; 0 = --epochs each.
    record: what it came to; None when there is no ticket.
    error: why there is none.
  """

  label: str
  sparsity: float
  seed: int
  budget: float
  record: Record | None
  error: str = ''


@dataclasses.dataclass(frozen=True)
class Rate:
  """A method's learning rate.

  Attributes:
    chosen: the best on validation.
    tried: how many were tried, also without coming to a score; 1 where none was to be tried.
    scored: how many came to a score to choose by.
    errors: of those that came to no score.
  """

  chosen: float
  tried: int = 1
  scored: int = 1
  errors: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Row:
  """A method at one sparsity, over its seeds; means, and where named so standard deviations.

  Attributes:
    label: the method.
    sparsity: of its tickets.
    budget: what all trainings of a run together may have cost, in epochs of the supernet; 0 = --epochs each.
    scores: on the split that the table is of, by seed.
    interval: 95% by the pictures of that split, whose mean over seeds it is, as all are scored on the same; None where it is not known.
    validation: mean on the validation split.
    costs: of the network: 'nonzero_macs', 'macs', 'nonzero_params', 'params'.
    size: bytes of the .tflite file.
    training: what a ticket's training has cost.
    rate: its learning rate.
    errors: of the runs without a ticket.
    trimmed: in how many of the networks units had to go at the end of the search to meet its target.
    leads: of the first method over this one in score, by the first's sparsity: at the same one, or at each where one of them keeps all.
    training_ratios: the first method's training MACs for each of these, likewise.
  """

  label: str
  sparsity: float
  budget: float
  scores: Mapping[int, float]
  interval: Interval | None
  validation: float
  costs: Mapping[str, float]
  size: float
  training: TrainingCost
  rate: Rate
  errors: tuple[str, ...]
  trimmed: int = 0
  leads: Mapping[float, Difference] = dataclasses.field(default_factory=dict)
  training_ratios: Mapping[float, float] = dataclasses.field(default_factory=dict)

  @property
  def lead(self) -> Difference | None:
    """Of the first method over this one where there is one; None of none or several."""
    return next(iter(self.leads.values())) if len(self.leads) == 1 else None

  @property
  def mean(self) -> float:
    """Mean score; NaN without a ticket."""
    return mean_and_deviation(list(self.scores.values()))[0] if self.scores else math.nan

  @property
  def deviation(self) -> float:
    """Standard deviation of the score over seeds; NaN with fewer than two."""
    return mean_and_deviation(list(self.scores.values()))[1] if self.scores else math.nan

  @property
  def name(self) -> str:
    """The method, with its budget where it has one."""
    return f'{self.label} (cost of {self.budget:g} epochs)' if self.budget else self.label


def rows(results: Sequence[Result], metric: str, rates: Mapping[str, Rate], split: str = TEST) -> list[Row]:
  """The table: methods in the order in which they come, against the first.

  Args:
    results: of all runs.
    metric: the score that is compared.
    rates: by label.
    split: whose scores are compared.
  """
  grouped: dict[tuple[str, float, float], list[Result]] = {}
  for result in results:
    grouped.setdefault((result.label, result.sparsity, result.budget), []).append(result)
  averaged = [_row(group, metric, rates[key[0]], split) for key, group in grouped.items()]
  reference = results[0].label if results else ''
  firsts = [row for row in averaged if row.label == reference]
  return [row if row.label == reference else _against(row, firsts) for row in averaged]


def _against(row: Row, firsts: Sequence[Row]) -> Row:
  # A method that keeps everything is compared at every sparsity.
  met = [first for first in firsts if first.budget == row.budget and (first.sparsity == row.sparsity or not first.sparsity * row.sparsity)]
  leads = {first.sparsity: lead for first in met if (lead := difference(first.scores, row.scores)) is not None}
  ratios = {first.sparsity: first.training.macs / row.training.macs for first in met if first.sparsity in leads and row.training.macs}
  return dataclasses.replace(row, leads=leads, training_ratios=ratios)


def _row(group: Sequence[Result], metric: str, rate: Rate, split: str) -> Row:
  records = {result.seed: result.record for result in group if result.record is not None}
  spent = [record.training for record in records.values()]

  def mean(values: Sequence[float]) -> float:
    return mean_and_deviation(values)[0] if values else math.nan

  return Row(
    label=group[0].label,
    sparsity=group[0].sparsity,
    budget=group[0].budget,
    scores={seed: record.metrics[split][metric] for seed, record in records.items()},
    interval=_interval([record.interval(split, metric) for record in records.values()]),
    validation=mean([record.metrics['validation'][metric] for record in records.values()]),
    costs={name: mean([record.cost[name] for record in records.values()]) for name in COSTS},
    size=mean([record.size for record in records.values()]),
    training=TrainingCost(*(mean([getattr(each, name) for each in spent]) for name in ('epochs', 'macs', 'seconds'))),
    rate=rate,
    trimmed=sum(record.trimmed > 0 for record in records.values()),
    errors=tuple(f'seed {result.seed}: {result.error}' for result in group if result.error),
  )


def _interval(found: Sequence[Interval | None]) -> Interval | None:
  return tuple(mean_and_deviation(ends)[0] for ends in zip(*found)) if found and None not in found else None


def columns(metric: str, split: str = TEST) -> list[str]:
  """Titles of the table for people."""
  score = wording.score_title(metric)
  return [
    *('Method', 'Sparsity', 'Seeds', f'{score}, {split}', _INTERVAL, *_BESIDE[split], 'MACs, non-zero', 'Parameters, non-zero', '.tflite'),
    *('Training, epochs', 'Training, MACs', 'Training, time', 'Learning rate'),
  ]


def cells(row: Row, metric: str, split: str = TEST) -> list[str]:
  """A row of the table for people."""
  among = f' (of {row.rate.tried})' if row.rate.tried > 1 else ''
  rate = f'{row.rate.chosen:g}' + (among if row.rate.scored else ' (no score)')
  if not row.scores:
    return [row.name, wording.sparsity(row.sparsity), '0', 'failed', *['-'] * (7 + len(_BESIDE[split])), rate]
  score = wording.score(metric, row.mean) + (f' ± {100 * row.deviation:.1f}' if len(row.scores) > 1 else ' (one run)')
  return [
    *(
      row.name,
      wording.sparsity(row.sparsity),
      str(len(row.scores)),
      score,
      f'{100 * row.interval[0]:.1f} to {100 * row.interval[1]:.1f}%' if row.interval else '-',
      *(wording.score(metric, row.validation) for _ in _BESIDE[split]),
    ),
    *(wording.count(row.costs['nonzero_macs']), wording.count(row.costs['nonzero_params']), wording.size(round(row.size))),
    *(f'{row.training.epochs:.1f}', wording.count(row.training.macs), wording.duration(row.training.seconds), rate),
  ]


def markdown(rows: Sequence[Row], metric: str, split: str = TEST) -> str:
  """The table and the differences in words."""
  titles = columns(metric, split)
  lines = [' | '.join(titles).join(('| ', ' |')), '|'.join(['---'] * len(titles)).join('||')]
  lines += [' | '.join(cells(row, metric, split)).join(('| ', ' |')) for row in rows]
  told = list(differences(rows))
  trimmed = [f'- {line}' for line in trims(rows)]
  errors = [f'- {line}' for line in failures(rows)]
  lines += ['', *(f'- {line}' for line in told)] if told else []
  lines += ['', *trimmed] if trimmed else []
  lines += ['', 'Without a result:', '', *errors] if errors else []
  return '\n'.join(lines) + '\n'


def trims(rows: Sequence[Row]) -> Iterator[str]:
  """Rows of whose networks units had to go at the end of the search."""
  for row in rows:
    if row.trimmed:
      where = f'{row.name} at {wording.sparsity(row.sparsity)}: {row.trimmed} of {len(row.scores)} searches ended above the target'
      yield f'{where}, and the units of the smallest factors were removed to meet it.'


def failures(rows: Sequence[Row]) -> Iterator[str]:
  """Runs without a ticket, learning rates without a score, and why."""
  for row in {row.label: row for row in rows}.values():
    yield from (f'{row.label}, {error}' for error in row.rate.errors)
  for row in rows:
    yield from (f'{row.name} at {wording.sparsity(row.sparsity)}, {error}' for error in row.errors)


def best(rows: Sequence[Row], metric: str) -> str:
  """The highest score in a sentence; '' where there is none."""
  scored = [row for row in rows if row.scores]
  if not scored:
    return ''
  row = max(scored, key=lambda row: row.mean)
  runs = f'mean of {len(row.scores)} seeds' if len(row.scores) > 1 else 'one run'
  reached = f'{row.name} at {wording.sparsity(row.sparsity)} sparsity, {wording.score(metric, row.mean)}'
  return f'Highest {wording.score_name(metric)}: {reached} ({runs}).'


def verdicts(rows: Sequence[Row]) -> Iterator[str]:
  """Against which of the others the first method is ahead, behind or neither, in a line each; of single seeds nothing is said."""
  reference = rows[0].label if rows else ''
  found: dict[str, dict[str, list[float]]] = {}
  for row in rows:
    for given, lead in row.leads.items():
      if lead.pairs > 1:
        found.setdefault(lead.verdict, {}).setdefault(row.name, []).append(max(row.sparsity, given))
  for verdict, words in _VERDICTS.items():
    others = (f'{name} at {", ".join(map(wording.sparsity, levels))}' for name, levels in found.get(verdict, {}).items())
    if verdict in found:
      yield f'{reference} {words} {"; ".join(others)}.'


def differences(rows: Sequence[Row]) -> Iterator[str]:
  """What can be said of the first method against each other one, and what cannot."""
  reference = rows[0].label if rows else ''
  every = [(row, given, lead) for row in rows for given, lead in row.leads.items()]
  for row, given, lead in every:
    sparsity = max(row.sparsity, given)
    if lead.pairs > 1:
      said = f'{reference} against {row.name} at {wording.sparsity(sparsity)}: {100 * lead.mean:+z.1f} points'
      interval = f'(95% interval {100 * lead.low:+z.1f} to {100 * lead.high:+z.1f}, {lead.pairs} seeds)'
      yield f'{said} {interval}: {_MEANING[lead.verdict, lead.is_noise]}{_training_ratio(row, given)}.'
  single = [entry for entry in every if entry[2].pairs == 1]
  for name in dict.fromkeys(row.name for row, *_ in single):
    points = ', '.join(
      f'{100 * lead.mean:+z.1f} points at {wording.sparsity(max(row.sparsity, given))}{_training_ratio(row, given)}'
      for row, given, lead in single
      if row.name == name
    )
    yield f'{reference} against {name}: {points}; one seed, which says nothing of the noise.'


def _training_ratio(row: Row, given: float) -> str:
  """What the first method's training at that sparsity has cost, against that of the other one."""
  return f', at {row.training_ratios[given]:.2f} times its training MACs' if given in row.training_ratios else ''


def as_data(rows: Sequence[Row]) -> list[dict[str, Any]]:
  """The rows as plain data, numbers in full."""
  return [
    {
      'method': row.label,
      'sparsity': row.sparsity,
      'budget': row.budget,
      'seeds': len(row.scores),
      'score_mean': _plain(row.mean),
      'score_deviation': _plain(row.deviation),
      'score_low': row.interval and row.interval[0],
      'score_high': row.interval and row.interval[1],
      'validation_mean': _plain(row.validation),
      **{name: _plain(value) for name, value in row.costs.items()},
      'tflite_bytes': _plain(row.size),
      'training_epochs': _plain(row.training.epochs),
      'training_macs': _plain(row.training.macs),
      'trimmed': row.trimmed,
      'training_seconds': _plain(row.training.seconds),
      'learning_rate': row.rate.chosen,
      'learning_rates_tried': row.rate.tried,
      'leads': [
        {name: _plain(value) for name, value in dataclasses.asdict(lead).items()}
        | {'sparsity_of_first': given, 'verdict': lead.verdict, 'training_macs_ratio': row.training_ratios.get(given)}
        for given, lead in row.leads.items()
      ],
      'score_by_seed': {seed: _plain(score) for seed, score in row.scores.items()},
      'errors': list(row.errors),
      'learning_rate_errors': list(row.rate.errors),
    }
    for row in rows
  ]


def as_csv(rows: Sequence[Row]) -> str:
  """The rows as comma-separated values, without what has no single value; of differences, the one where there is one."""
  plain = [
    {name: value for name, value in facts.items() if not isinstance(value, (dict, list))}
    | {f'lead_{name}': _plain(getattr(row.lead, name)) if row.lead else None for name in ('mean', 'low', 'high')}
    | {'verdict': row.lead.verdict if row.lead else None}
    for row, facts in zip(rows, as_data(rows), strict=True)
  ]
  file = io.StringIO()
  writer = csv.DictWriter(file, list(plain[0]) if plain else [], lineterminator='\n')
  writer.writeheader()
  writer.writerows(plain)
  return file.getvalue()


def _plain(value: float) -> float | None:
  return None if math.isnan(value) else value

"""What an evolution came to: its population over the generations, and where the winner comes from."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from scipy import stats

from st_tf import plain, wording
from st_tf.report import ink

_FIELDS = {'number': int, 'generation': int, 'parents': list[int], 'macs': int, 'validation': float | None}
_WIDTH = 11  # Inches: that of the page, so that letters are as large as elsewhere.
_COLUMNS, _PANELS = 4, 12
_LEAST_RANKED = 3  # Networks, from which on ranks can disagree in more than one way.
_TOLD = 8  # Generations with ancestors, up to which there is room for more than their numbers.

Trials = Sequence[Mapping[str, Any]]


def evolved(trials: Trials) -> list[Mapping[str, Any]]:
  """The trials of an evolution that could be trained, of those that a ticket tells of; none where it tells of others."""
  try:
    for trial in trials:
      for name, kind in _FIELDS.items():
        plain.check(trial.get(name), kind, name)
  except ValueError:
    return []
  numbers = {trial['number'] for trial in trials}
  if not all(set(trial['parents']) <= numbers for trial in trials):
    return []
  return [trial for trial in trials if trial['validation'] is not None]


def population(trials: Trials, metric: str) -> Figure | None:
  """The score of each candidate against its MACs, a panel per generation or several; None where there is no evolution.

  Args:
    trials: from `evolved`.
    metric: the score.
  """
  if not trials:
    return None
  panels = _panels(sorted({trial['generation'] for trial in trials}))
  columns = min(_COLUMNS, len(panels))
  rows = -(-len(panels) // columns)
  figure = ink.figure((_WIDTH, 1.9 * rows + 0.5))
  grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
  for axes in grid.flat[len(panels) :]:
    axes.set_visible(False)
  for axes, generations in zip(grid.flat, panels):
    _panel(ink.style(axes), trials, generations)
  for axes in grid.flat[max(len(panels) - columns, 0) : len(panels)]:  # The lowest of each column.
    axes.tick_params(labelbottom=True)
  first = grid[0][0]
  first.xaxis.set_major_locator(MaxNLocator(3))
  first.xaxis.set_major_formatter(FuncFormatter(lambda value, _: wording.count(value)))
  ink.percent(first.yaxis)
  first.margins(0.1, 0.12)
  figure.supxlabel('MACs per image', color=ink.MUTED, fontsize=8.5)
  figure.supylabel(wording.score_title(metric), color=ink.MUTED, fontsize=8.5)
  return figure


def family(trials: Trials, metric: str) -> Figure | None:
  """The winner and all that it descends from, the oldest on the left; None where it has no parents.

  Args:
    trials: from `evolved`.
    metric: the score.
  """
  tree = ancestors(trials)
  if len(tree) < 2:
    return None
  levels: dict[int, list[Mapping[str, Any]]] = {}
  for trial in tree:
    levels.setdefault(trial['generation'], []).append(trial)
  most = max(map(len, levels.values()))
  figure = ink.figure((_WIDTH, 0.62 * most + 1.0))
  axes = ink.style(figure.subplots())
  places = {}
  for column, generation in enumerate(sorted(levels)):
    for row, trial in enumerate(levels[generation]):
      places[trial['number']] = column, (most - 1) / 2 - row + (len(levels[generation]) - 1) / 2
  for trial in tree:
    x, y = places[trial['number']]
    for parent in trial['parents']:
      axes.plot(*zip(places[parent], (x, y)), color=ink.LINE, linewidth=1.5, zorder=1)
    is_winner = trial is tree[-1]
    axes.plot(x, y, '*' if is_winner else 'o', color=ink.SECOND if is_winner else ink.FIRST, markersize=12 if is_winner else 7, zorder=2)
    text = f'{trial["number"]}'
    if len(levels) <= _TOLD:
      text += f': {wording.score(metric, trial["validation"])}\n{wording.count(trial["macs"])} MACs'
    axes.annotate(text, (x, y), (0, 6), textcoords='offset points', ha='center', va='bottom', fontsize=7.5, color=ink.INK)
  axes.set_xticks(range(len(levels)), [str(generation) for generation in sorted(levels)])
  axes.set_yticks([])
  axes.grid(False)
  axes.spines['left'].set_visible(False)
  axes.set_xlim(-0.6, len(levels) - 0.4)
  axes.set_ylim(-0.5, most - 0.1)
  axes.set_xlabel('generation', color=ink.MUTED, fontsize=8.5)
  return figure


def ancestors(trials: Trials) -> list[Mapping[str, Any]]:
  """The winner, last, behind all that it descends from; nothing where no trial has won."""
  by_number = {trial['number']: trial for trial in trials}
  left = [trial['number'] for trial in trials if trial.get('is_winner') is True][:1]
  found: set[int] = set()
  while left:
    number = left.pop()
    if number in by_number and number not in found:
      found.add(number)
      left.extend(by_number[number]['parents'])
  return [by_number[number] for number in sorted(found)]


def told(trials: Trials, metric: str) -> str:
  """What came out, in words; '' where there is no evolution."""
  if not trials:
    return ''
  generations = len({trial['generation'] for trial in trials})
  text = f'{len(trials)} networks were trained in {generations} generation{"s" if generations > 1 else ""}, each for a few epochs.'
  tree = ancestors(trials)
  if tree:
    others = f'it descends from {len(tree) - 1} of the others' if len(tree) > 1 else 'it descends from none of the others'
    text += f' Number {tree[-1]["number"]} is the one of this page; {others}.'
  ends = [(trial['validation'], trial['final']) for trial in trials if isinstance(trial.get('final'), float)]
  if len(ends) >= _LEAST_RANKED:
    alike = any(len(set(scores)) == 1 for scores in zip(*ends))
    value = 'is not defined, since all are alike' if alike else f'is {stats.spearmanr(*zip(*ends)).statistic:.2f}'
    name = wording.score_name(metric)
    text += f' Between the {name} of a trial and that of the training to the end the rank correlation (Spearman) {value}, n = {len(ends)}.'
    text += ' It is of the best alone.'
  return text


def _panels(generations: Sequence[int]) -> list[list[int]]:
  """The generations of each panel."""
  each = -(-len(generations) // _PANELS)
  return [list(generations[first : first + each]) for first in range(0, len(generations), each)]


def _panel(axes: Axes, trials: Trials, generations: Sequence[int]) -> None:
  for before, colour, alpha in ((True, ink.MUTED, 0.35), (False, ink.FIRST, 0.95)):
    chosen = [trial for trial in trials if (trial['generation'] < generations[0] if before else trial['generation'] in generations)]
    axes.plot([t['macs'] for t in chosen], [t['validation'] for t in chosen], 'o', color=colour, alpha=alpha, markersize=3 if before else 5)
  won = [trial for trial in trials if trial.get('is_winner') is True and trial['generation'] in generations]
  axes.plot([trial['macs'] for trial in won], [trial['validation'] for trial in won], '*', color=ink.SECOND, markersize=11)
  span = f'{generations[0]} to {generations[-1]}' if len(generations) > 1 else f'{generations[0]}'
  axes.set_title(f'generation{"s" if len(generations) > 1 else ""} {span}', fontsize=8.5, color=ink.MUTED, loc='left')

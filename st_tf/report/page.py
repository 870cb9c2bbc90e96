"""What the page says: the numbers and tables that the template lays out."""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

from st_tf import wording
from st_tf.config import Config
from st_tf.config.config import with_units
from st_tf.report import generations, verdict
from st_tf.report.survivors import NetworkPicture
from st_tf.ticket import Costs

_SHOWN_CLASSES = 8
_OUTPUTS = {'classification': 'classes', 'segmentation': 'classes', 'keypoints': 'joints'}
_MOVED = {
  'none': 'A ticket of another task was moved here: its body came with {}; the head, or its last layer, is new.',
  'random_weights': 'A control for a moved ticket: its body and mask, with random weights.',
  'random_mask': 'A control for a moved ticket: its body, with a random mask of as many weights per layer and random weights.',
  'dense_body': 'A control for a moved ticket: its body without a mask, with {}; weights that were pruned began at zero.',
}


@dataclasses.dataclass(frozen=True)
class Tile:
  """One headline number.

  Attributes:
    title: what it is.
    value: the number.
    notes: what belongs beside it.
  """

  title: str
  value: str
  notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Level:
  """One bar of a comparison: what, how much in words, as a fraction of a whole bar, and how sure that is, in words."""

  title: str
  value: str
  fraction: float
  sure: str = ''


def headline(ticket: Any, dense_history: Sequence[Mapping[str, Any]] = ()) -> str:
  """What the ticket is, in one or two sentences."""
  cost, task, metric = ticket.cost, ticket.task, ticket.task.primary_metric
  size = '×'.join(map(str, ticket.input_shape[:2]))
  text = f'A network for {wording.task_title(task.name)} ({len(task.labels)} {_OUTPUTS[ticket.kind]}, {size} pixels)'
  split = verdict.scored_split(ticket.metrics, metric)
  if split:
    text += f' with {wording.score(metric, ticket.metrics[split][metric])} {wording.score_name(metric)} on {split} images'
  text += f'. Its non-zero weights need {wording.percent(cost.nonzero_macs / cost.supernet_macs)} of the supernet’s MACs.'
  scores = [row['validation'][metric] for row in dense_history if row.get('event') == 'epoch' and metric in (row.get('validation') or {})]
  if scores and metric in ticket.metrics.get('validation', {}):
    own = ticket.metrics['validation'][metric]
    text += f' On validation images it reaches {wording.score(metric, own)}, the dense network {wording.score(metric, scores[-1])}.'
  return text


def tiles(ticket: Any, exports: Sequence[Sequence[str]] = ()) -> list[Tile]:
  """The headline numbers.

  Args:
    ticket: whose.
    exports: its files for phones in rows, the one to ship first, below a row that says what each cell is.
  """
  cost, metric = ticket.cost, ticket.task.primary_metric
  found = []
  for split in ('test', 'validation'):
    scores = ticket.metrics.get(split, {})
    if metric in scores:
      sure = verdict.range_of(ticket, split)
      others = tuple(f'{wording.score_name(name)} {wording.score(name, value)}' for name, value in scores.items() if name != metric)
      others = (sure, *others) if sure else others
      found.append(Tile(f'{wording.score_title(metric)}, {split}', wording.score(metric, scores[metric]), others))
  notes = ('of the weights that may be pruned are zero',)
  if cost.supernet_prunable and cost.supernet_prunable != cost.prunable:
    notes += (f'{wording.percent(cost.supernet_zeros / cost.supernet_prunable)} counted over the network it was drawn from',)
  found.append(Tile('Sparsity', wording.percent(ticket.sparsity), notes))
  if len(exports) > 1:
    file = dict(zip(exports[0], exports[1]))
    found.append(Tile('File to ship', file['size'], (file['file'], f'{file["format"]}, kernels {file["kernels"]}')))
  if ticket.provenance.seconds is not None:
    found.append(Tile('Training time', wording.duration(ticket.provenance.seconds)))
  return found


def reductions(cost: Costs) -> list[tuple[str, list[Level]]]:
  """MACs and parameters: the supernet, what the search left, and its non-zero weights."""
  steps = (('supernet_', 'supernet'), ('', 'ticket, all weights'), ('nonzero_', 'ticket, non-zero weights'))
  found = []
  for name, title in (('macs', 'MACs per image'), ('params', 'Parameters')):
    levels = [(label, getattr(cost, f'{prefix}{name}')) for prefix, label in steps]
    found.append((title, [Level(label, wording.count(value), value / levels[0][1]) for label, value in levels]))
  return found


def beaten(ticket: Any) -> list[tuple[str, list[Level]]]:
  """The score beside those that a network has to beat; nothing where they are not known."""
  metric = ticket.task.primary_metric
  split = verdict.scored_split(ticket.metrics, metric)
  simple = ticket.metrics.get('baselines', {}).get(split)
  if not simple:
    return []
  values = {**simple, 'this ticket': ticket.metrics[split][metric]}
  intervals = {**verdict.intervals_of_baselines(ticket, split), 'this ticket': verdict.interval(ticket, split)}
  sure = {name: f'{100 * found[0]:.1f} to {100 * found[1]:.1f}%' for name, found in intervals.items() if found}
  levels = [Level(name, wording.score(metric, value), min(max(value, 0), 1), sure.get(name, '')) for name, value in values.items()]
  how = ', with 95% intervals' if sure else ''
  return [(f'{wording.score_title(metric)} on {split} images, and what it has to beat{how}', levels)]


def course(history: Sequence[Mapping[str, Any]]) -> str:
  """What happened in the run, counted."""
  times = {name: [row['epoch'] for row in history if row.get('event') == name] for name in ('epoch', 'prune', 'shrink')}
  text = f'The run took {_number(len(times["epoch"]), "epoch")}'
  if times['prune']:
    text += f', pruned {_number(len(times["prune"]), "time")} ({_span(times["prune"])})'
  if times['shrink']:
    text += f' and shrank {_number(len(times["shrink"]), "time")} ({_span(times["shrink"])})'
  return text + '.'


def moved(ticket: Any) -> str:
  """What of another task's ticket is in this one, in words; '' where it was not moved."""
  if ticket.provenance.method != 'transfer':
    return ''
  given = ticket.provenance.config
  came = 'the weights its run began with' if given.get('rewind') else 'its weights'
  if ticket.masks and not given.get('reactivate'):
    came = f'its mask and {came}'
  told = _MOVED[given.get('control', 'none')].format(came)
  share = ticket.cost.zeros / ticket.cost.params
  return f'{told} Sparsity is of the prunable weights; of all parameters, {wording.percent(share)} are zero.'


def survival(network: NetworkPicture) -> str:
  """How many units, kernels and blocks of the supernet are left, in words."""
  strips, blocks = network.strips, network.blocks
  left, total = sum(len(strip.alive) for strip in strips), sum(strip.total for strip in strips)
  if not network.has_branches:
    groups = _number(len(blocks), 'channel group')
    if left == total:
      return f'All {total:,} units of the {groups} are left: none was removed.'
    return f'{left:,} of {total:,} units ({wording.percent(left / total)}) are left, in {groups}.'
  kernels, dead = sum(bool(strip.alive) for strip in strips), sum(block.is_dead for block in blocks)
  if left == total:
    return f'All {total:,} units of the {_number(len(blocks), "block")} are left: the search removed none.'
  text = f'{left:,} of {total:,} units ({wording.percent(left / total)}) and {kernels} of {len(strips)} kernels are left'
  return f'{text}. Of {_number(len(blocks), "block")}, {dead or "none"} {"is" if dead == 1 else "are"} reduced to the skip connection.'


def stages(network: NetworkPicture) -> list[tuple[str, tuple[int, int]]]:
  """(stage, [first, end) of its columns) in order."""
  names = [stage for stage, _ in network.columns]
  return [(name, (names.index(name), names.index(name) + names.count(name))) for name in dict.fromkeys(names)]


def origin(ticket: Any) -> list[tuple[str, str]]:
  """Where the ticket comes from: what its provenance knows of command, method, time, versions and seed."""
  known = ticket.provenance.to_json()
  config = known.pop('config', {})
  rows = [('Command', known.pop('command', None)), ('Method', known.pop('method', None)), ('Seed', config.get('seed'))]
  rows += [('Started', known.pop('started', None)), ('Fingerprint', ticket.fingerprint)]
  seconds, spent = known.pop('seconds', None), known.pop('training', None)
  if generations.evolved(known.get('trials', ())):  # They have a section of their own.
    del known['trials']
  rows.append(('Training time', None if seconds is None else wording.duration(seconds)))
  if spent:
    spent = f'{spent["epochs"]:.1f} epochs, {wording.count(spent["macs"])} MACs, {wording.duration(spent["seconds"])}'
  rows.append(('All training for it', spent))
  trimmed = known.pop('trimmed', 0)
  if trimmed:
    rows.append(('Trimmed', f'{_number(trimmed, "unit")}: the search ended above its target, so those of the smallest factors had to go'))
  rows += [(name.replace('_', ' ').capitalize().replace('macs', 'MACs'), value) for name, value in known.items()]
  return [(name, _plain(value)) for name, value in rows if value is not None]


def class_metric(per_class: Mapping[str, Mapping[str, float]]) -> str:
  """The score that classes have each; '' where none has one."""
  return next((name for scores in per_class.values() for name in scores if name != 'count'), '')


def classes(per_class: Mapping[str, Mapping[str, float]], metric: str) -> list[tuple[str, list[tuple[str, float, int]]]]:
  """(title, [(label, score, examples)]): all classes where there are few, else the best and the worst."""
  rows = [(label, scores[metric], int(scores['count'])) for label, scores in per_class.items() if scores.get('count') and metric in scores]
  rows.sort(key=lambda row: (-row[1], row[0]))
  if len(rows) <= 2 * _SHOWN_CLASSES:
    return [('All classes', rows)] if rows else []
  return [('Best', rows[:_SHOWN_CLASSES]), ('Worst', rows[: -_SHOWN_CLASSES - 1 : -1])]


def settings(config: Mapping[str, Any]) -> list[tuple[str, Any, bool]]:
  """(name, value, whether it differs from the default) of every setting; what differs comes first."""
  defaults = Config().flat()
  rows = [(name, _plain(value), _plain(value) != _plain(defaults.get(name))) for name, value in with_units(config).items()]
  return sorted(rows, key=lambda row: not row[2])


def ticket_rows(tickets: Sequence[Any], metric: str) -> list[dict[str, Any]]:
  """One row per ticket of the run, by rising sparsity."""
  rows = []
  for ticket in sorted(tickets, key=lambda ticket: ticket.sparsity):
    scores = {split: ticket.metrics.get(split, {}).get(metric) for split in ('validation', 'test')}
    cost = {name: getattr(ticket.cost, name) for name in ('macs', 'nonzero_macs', 'params', 'nonzero_params')}
    rows.append({'sparsity': ticket.sparsity, 'fingerprint': ticket.fingerprint} | scores | cost)
  return rows


def _span(epochs: Sequence[int]) -> str:
  first, last = min(epochs), max(epochs)
  if not last:
    return 'before the first epoch'
  return f'epoch {first}' if first == last else f'epochs {first} to {last}'


def _number(count: int, thing: str) -> str:
  return f'{count} {thing}' if count == 1 else f'{count} {thing}s'


def _plain(value: Any) -> Any:
  if isinstance(value, Mapping):
    return ', '.join(f'{name} {_plain(entry)}' for name, entry in value.items())
  if isinstance(value, bool):
    return 'yes' if value else 'no'
  return ', '.join(str(_plain(entry)) for entry in value) if isinstance(value, (list, tuple)) else value

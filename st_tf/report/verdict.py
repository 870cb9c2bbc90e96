"""What to make of a training, in words: what its score has to beat, and whether it learned too little, or pictures by heart."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from st_tf import wording
from st_tf.arch import presets
from st_tf.task import confidence

_AS_LOW = 0.02  # A training score that is no further above validation's says that more can be learned.
_KNOWN = 0.95  # From this score on nothing is left to be learned.
_TELLING = 300  # Examples by which scores that are some points apart can be told apart.
_BY_HEART = 0.15  # A training score that far above validation's says that pictures are known one by one.


def scored_split(metrics: Mapping[str, Any], metric: str) -> str:
  """The split whose score counts: test where it was scored, else validation; '' where neither was."""
  return next((split for split in ('test', 'validation') if metric in metrics.get(split, {})), '')


def range_of(ticket: Any, split: str) -> str:
  """How sure the primary score of a split is: '95% interval 83.8 to 88.1%, 997 examples'; '' where that is not known."""
  count, found = ticket.provenance.examples.get(split, 0), interval(ticket, split)
  how = ' by drawing pictures anew' if split in ticket.metrics.get(confidence.INTERVALS, {}) else ''
  return f'95% interval {100 * found[0]:.1f} to {100 * found[1]:.1f}%{how}, {count:,} examples' if found else ''


def interval(ticket: Any, split: str) -> tuple[float, float] | None:
  """The 95% interval of the primary score of a split; None where it is not known."""
  return confidence.of(ticket.metrics, split, ticket.task.primary_metric, ticket.provenance.examples.get(split, 0))


def beaten(scores: Mapping[str, float], metric: str, intervals: Mapping[str, confidence.Interval] = MappingProxyType({})) -> str:
  """Baselines of a split in a line, with their 95% intervals where these are known: 'chance 10.0%, linear model 41.2% (38.1 to 44.3%)'.

  Args:
    scores: of each.
    metric: name of the score.
    intervals: of each that has one.
  """
  sure = {name: f' ({100 * low:.1f} to {100 * high:.1f}%)' for name, (low, high) in intervals.items()}
  return ', '.join(f'{name} {wording.score(metric, value)}{sure.get(name, "")}' for name, value in scores.items())


def to_beat(ticket: Any, split: str) -> str:
  """Baselines of a split as a ticket knows them, as `beaten`; '' where it does not."""
  scores = ticket.metrics.get('baselines', {}).get(split, {})
  return beaten(scores, ticket.task.primary_metric, intervals_of_baselines(ticket, split))


def intervals_of_baselines(ticket: Any, split: str) -> dict[str, confidence.Interval]:
  """The 95% intervals of a split's baselines, of those that have one."""
  found = ticket.metrics.get(confidence.OF_BASELINES, {}).get(split, {})
  return {name: (ends['low'], ends['high']) for name, ends in found.items()}


def verdict(ticket: Any, history: Sequence[Mapping[str, Any]]) -> str:
  """What the scores say of the training, and what would help; '' where nothing is known.

  Args:
    ticket: that was drawn.
    history: rows of the run's metrics.
  """
  metric = ticket.task.primary_metric
  split = scored_split(ticket.metrics, metric)
  simple = ticket.metrics.get('baselines', {}).get(split, {})
  if simple:
    name, best = max(simple.items(), key=lambda item: item[1])
    found = interval(ticket, split)
    if best >= (found[0] if found else ticket.metrics[split][metric]):
      count = ticket.provenance.examples.get(split, 0)
      few = f' {count:,} {split} examples are few to tell by.' if found and count < _TELLING else ''
      begin = '' if _began_trained(ticket) else ', begin with a trained network (--weights)'
      return (
        f'Not shown to be better than the {name}, which has {wording.score(metric, best)}.{few} Train longer (--epochs){begin}, or get more'
        ' pictures.'
      )
  last = _last_epoch(ticket, history)
  shared = next((name for name in last.get('validation', {}) if name != 'loss' and f'train_{name}' in last), '')
  if not shared:
    return ''
  learned, new = last[f'train_{shared}'], last['validation'][shared]
  both = (
    f'{wording.score_name(shared)} is {wording.percent(learned)} on training images, augmented, and {wording.percent(new)} on validation'
  )
  if learned >= new + _BY_HEART:
    other = '' if _began_trained(ticket) else ', or a trained network to begin with (--weights),'
    return f'Too few pictures: {both}. More of them{other} help most.'
  config = ticket.provenance.config
  if learned <= new + _AS_LOW and learned < _KNOWN and not (config.get('mixup') or config.get('randaugment')):
    return f'Under-fitted: {both}. It could learn more: raise --epochs or --learning_rate, or lower --sparsity.'
  return f'Neither under-fitted nor known by heart: {both}.'


def _began_trained(ticket: Any) -> bool:
  """Whether its run began with weights that were trained elsewhere."""
  config = ticket.provenance.config
  is_file = str(config.get('supernet', '')).startswith(presets.KERAS) and config.get('weights') != 'none'
  return is_file or bool(config.get('init_from') or config.get('source')) or config.get('weights') not in (None, '', 'none')


def _last_epoch(ticket: Any, history: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
  """The row of the last epoch before the ticket was cut; of one whose cutting is not known, of the last."""
  cut = [index for index, row in enumerate(history) if row.get('event') == 'ticket' and row.get('sparsity') == ticket.sparsity]
  before = history[: cut[-1]] if cut else history
  return next((row for row in reversed(before) if row.get('event') == 'epoch' and row.get('validation')), {})

"""A model card (Mitchell et al., 2019): what a ticket is, for which pictures, how good, how it was made, how large, what it cannot do."""

from collections.abc import Iterator, Sequence
from typing import Any

from st_tf import terminal, wording
from st_tf.report import page, verdict
from st_tf.task.confidence import interval

_MOST_LABELS = 200  # In the card.
_CODE = ('Command', 'Fingerprint')
_FEW = 30  # Examples of a class below which its score says little.
_ESCAPED = str.maketrans({character: f'\\{character}' for character in '\\`*_[]<>|#'})
_SEES = {
  'classification': 'It says which of {count} classes a picture shows.',
  'segmentation': 'It says for every pixel of a picture which of {count} classes it belongs to.',
  'keypoints': 'It says where in a picture {count} joints of the one person in it are.',
}
_LIMITS = {
  'classification': 'It always answers one of its classes, also where a picture shows none of them. Its probabilities are not calibrated.',
  'segmentation': 'It gives every pixel one of its classes, also where a picture shows something else.',
  'keypoints': 'It expects one person who fills the picture, and answers a place for every joint, also for those that are hidden.',
}


def text(ticket: Any, exports: Sequence[Sequence[str]] = ()) -> str:
  """The card, in Markdown.

  Args:
    ticket: a scored `Ticket`.
    exports: what is known of its files for phones, in rows, of which the first says what of each.
  """
  return '\n'.join([*_lines(ticket, exports), ''])


def _lines(ticket: Any, exports: Sequence[Sequence[str]]) -> Iterator[str]:
  task, height, width = ticket.task, *ticket.input_shape[:2]
  yield f'# {_plain(wording.task_title(task.name))}: a small network for {ticket.kind}'
  yield ''
  yield f'{_SEES[ticket.kind].format(count=len(task.labels))} It reads {width}x{height} pixels, RGB.'
  yield f'It was drawn as a SuperTicket: {wording.percent(ticket.sparsity)} of the prunable weights that are left of its supernet are zero.'
  yield ''
  yield '## For which pictures'
  yield ''
  examples = ticket.provenance.examples
  seen = f' It learned from {examples["train"]:,} of them.' if 'train' in examples else ''
  yield f'For pictures like those of the task {_plain(task.name)}.{seen} Of a picture the largest middle part of its shape is seen.'
  yield ''
  names = [_plain(label) for label in task.labels[:_MOST_LABELS]]
  more = len(task.labels) - len(names)
  yield f'Labels: {", ".join(names)}{f" and {more:,} more" if more else ""}.'
  yield from _scores(ticket)
  yield from _sizes(ticket, exports)
  yield ''
  yield '## How it was made'
  yield ''
  yield from (f'- {name}: {_code(value) if name in _CODE else _plain(value)}' for name, value in page.origin(ticket))
  yield ''
  yield '## Limits'
  yield ''
  yield f'- {_LIMITS[ticket.kind]}'
  yield '- Its scores hold for pictures that are taken as those were; for others, such as of another camera, they can be worse.'
  few = [_plain(label) for label, scores in ticket.metrics.get('per_class', {}).items() if scores.get('count', _FEW) < _FEW]
  if few and ticket.kind == 'classification':
    yield f'- Of these classes fewer than {_FEW} pictures were scored, which says little: {", ".join(few[:_MOST_LABELS])}.'
  yield '- Nothing is known of how it treats groups of people or things that its pictures do not name.'


def _scores(ticket: Any) -> Iterator[str]:
  metric, metrics = ticket.task.primary_metric, ticket.metrics
  there = [split for split in ('test', 'validation') if metric in metrics.get(split, {})]
  if not there:
    return
  yield from ('', '## Scores', '', f'| | {wording.score_name(metric)} | 95% interval | examples | to beat |', '|---|---|---|---|---|')
  for split in there:
    count, score = ticket.provenance.examples.get(split, 0), metrics[split][metric]
    simple = _plain(verdict.to_beat(ticket, split))
    yield f'| {split} | {wording.score(metric, score)} | {_range(verdict.interval(ticket, split))} | {count:,} | {simple} |'
  own = page.class_metric(metrics.get('per_class', {}))
  if not own or len(metrics['per_class']) > _MOST_LABELS:
    return
  yield from ('', f'| on test, by label | {wording.score_name(own)} | 95% interval | examples |', '|---|---|---|---|')
  for label, scores in metrics['per_class'].items():
    count = int(scores.get('count', 0)) if own in scores else 0
    known = interval(own, scores[own], count) if count and ticket.kind == 'classification' else None
    yield f'| {_plain(label)} | {wording.score(own, scores[own]) if count else "–"} | {_range(known)} | {count:,} |'


def _sizes(ticket: Any, exports: Sequence[Sequence[str]]) -> Iterator[str]:
  cost = ticket.cost
  yield from ('', '## Size', '', '| | supernet | network | non-zero |', '|---|---|---|---|')
  for title, name in (('parameters', 'params'), ('MACs per picture', 'macs')):
    yield f'| {title} | {" | ".join(f"{getattr(cost, prefix + name):,}" for prefix in ("supernet_", "", "nonzero_"))} |'
  if exports:
    head, *rows = exports
    yield from ('', 'Files for phones; "in wasm" is the median per picture in LiteRT.js, in a browser of the machine that made them:', '')
    yield f'| {" | ".join(head)} |'
    yield f'|{"---|" * len(head)}'
    yield from (f'| {" | ".join(map(_plain, row))} |' for row in rows)


def _range(found: tuple[float, float] | None) -> str:
  return f'{100 * found[0]:.1f} to {100 * found[1]:.1f}%' if found else '–'


def _code(value: Any) -> str:
  """Text that can be copied as it is."""
  shown = terminal.visible(str(value))
  return _plain(value) if '`' in shown else f'`{shown}`'


def _plain(value: Any) -> str:
  """Text that Markdown and terminals show as it is."""
  return terminal.visible(str(value)).translate(_ESCAPED)

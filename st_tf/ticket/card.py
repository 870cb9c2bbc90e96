"""A ticket as a notebook shows it: a small table that needs nothing from elsewhere."""

import html
from typing import Any

from st_tf import wording
from st_tf.task import SPLITS

_SHOWN_DIGITS = 12  # Of a fingerprint.


def rows(ticket: Any) -> list[tuple[str, str]]:
  """(what, value) of what there is to say of a `Ticket`; what is not known is left out."""
  task, cost, origin = ticket.task, ticket.cost, ticket.provenance
  size = '×'.join(map(str, ticket.input_shape[:2]))
  found = [('Task', f'{wording.task_title(task.name)}: {ticket.kind}, {len(task.labels)} labels, {size} pixels')]
  for split in SPLITS:
    scores = ticket.metrics.get(split, {})
    names = sorted(scores, key=lambda name: name != task.primary_metric)
    if names:
      said = ', '.join(f'{wording.score_name(name)} {wording.score(name, scores[name])}' for name in names)
      found.append((f'Scores, {split}', said))
  sparsity = wording.percent(ticket.sparsity)
  found.append(('Sparsity', f'{sparsity}: {cost.zeros:,} of {cost.prunable:,} prunable weights are zero' if cost.prunable else sparsity))
  if cost.params:
    for title, name in (('MACs', 'macs'), ('Parameters', 'params')):
      supernet, network, left = (getattr(cost, f'{prefix}{name}') for prefix in ('supernet_', '', 'nonzero_'))
      found.append((title, f'{supernet:,} of the supernet → {network:,} of the network → {left:,} non-zero'))
  spent = origin.all_training
  training = f'{spent.epochs:.1f} epochs, {wording.duration(spent.seconds)}' if spent.epochs else ''
  drawn = [origin.method, origin.finished, training, f'from ticket {origin.source[:_SHOWN_DIGITS]}' if origin.source else '']
  found += [('From', ', '.join(filter(None, drawn))), ('Command', origin.command), ('Fingerprint', ticket.fingerprint[:_SHOWN_DIGITS])]
  return [(what, value) for what, value in found if value]


def page(ticket: Any) -> str:
  """The table in HTML."""
  cells = ''.join(
    f'<tr><th style="text-align:left">{html.escape(what)}</th><td style="text-align:left">{html.escape(value)}</td></tr>'
    for what, value in rows(ticket)
  )
  return f'<table><caption>Ticket</caption>{cells}</table>'

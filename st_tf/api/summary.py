"""A drawn ticket in a few lines for a terminal."""

from collections.abc import Mapping, Sequence
import pathlib
import shlex
from typing import Any

from st_tf import wording
from st_tf.report import verdict
from st_tf.ticket import Ticket


def summary(ticket: Ticket, path: pathlib.Path, history: Sequence[Mapping[str, Any]]) -> str:
  """What a ticket came to: scores, what they say, sizes, and where its files are.

  Args:
    ticket: scored on the test split.
    path: its folder, with the model's file in it.
    history: rows of the run's metrics.
  """
  metric = ticket.task.primary_metric
  cost, shown = ticket.cost, wording.shown_path(path)
  model = path / 'model.tflite'
  zeros = cost.zeros / cost.prunable if cost.prunable else 0.0
  return '\n'.join(
    [
      '',
      f'Ticket at {ticket.sparsity:.0%} sparsity: {wording.score_name(metric)} {ticket.metrics["test"][metric]:.1%} on the test split'
      + (f' ({ticket.metrics["validation"][metric]:.1%} on validation)' if 'validation' in ticket.metrics else ''),
      *_judged(ticket, history),
      f'  pruned      {cost.zeros:,} of {cost.prunable:,} prunable weights ({zeros:.2%})',
      f'  MACs        {cost.supernet_macs:,} -> {cost.macs:,} of the network -> {cost.nonzero_macs:,} non-zero',
      f'  parameters  {cost.supernet_params:,} -> {cost.params:,} -> {cost.nonzero_params:,}',
      *_trimmed(ticket),
      *(['              the new head keeps all its weights; --reactivate prunes it too'] if _has_dense_head(ticket) else []),
      f'  ticket      {shown}',
      *_to_ship(path, shown),
      f'  to check    {shown / model.name} ({model.stat().st_size:,} bytes, float32 with all zeros stored)',
      f'  report      {shown / "report" / "index.html"}',
    ]
  )


def _judged(ticket: Ticket, history: Sequence[Mapping[str, Any]]) -> list[str]:
  sure, simple = verdict.range_of(ticket, 'test'), verdict.to_beat(ticket, 'test')
  lines = {'sure to': sure, 'to beat': simple, 'verdict': verdict.verdict(ticket, history)}
  return [f'  {name:<10}  {line}' for name, line in lines.items() if line]


def _to_ship(path: pathlib.Path, shown: pathlib.Path) -> list[str]:
  """The files for phones, the smallest first; where there is none, what makes one."""
  files = sorted(path.glob('model_*.tflite'), key=lambda file: (file.stat().st_size, file.name))
  if not files:
    return [f'  to ship     not written yet: python -m tflite.export --ticket={shlex.quote(str(shown))} --format=float16']
  return [f'  to ship     {shown / file.name} ({file.stat().st_size:,} bytes)' for file in files]


def _trimmed(ticket: Ticket) -> list[str]:
  count = ticket.provenance.trimmed
  return (
    [f'              {count:,} units had to go at the end of the search to meet its target; a longer one chooses better'] if count else []
  )


def _has_dense_head(ticket: Ticket) -> bool:
  """Whether a moved ticket has a head that nothing has pruned."""
  return ticket.provenance.method == 'transfer' and bool(ticket.masks) and not any(name.startswith('head/') for name in ticket.masks)

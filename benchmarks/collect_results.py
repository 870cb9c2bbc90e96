"""Collects a finished run for docs/results: facts, curve, report without pictures of the data, and a summary.

python benchmarks/collect_results.py --workdir=RUN --dense=DENSE_RUN --further=FINE_TUNED_RUN --out=docs/results/NAME
python benchmarks/collect_results.py --trained=RUN --out=docs/results/NAME
"""

from collections.abc import Iterator, Sequence
import dataclasses
import json
import pathlib
import shutil

import commands

from st_tf import command, quiet
from st_tf.config import flags
from st_tf.errors import UserError
from st_tf.wording import score_name


@dataclasses.dataclass(frozen=True)
class Options:
  """What to collect."""

  workdir: str = dataclasses.field(default='', metadata={'help': 'Folder of the finished run.'})
  dense: str = dataclasses.field(default='', metadata={'help': 'Folder of the dense run beside it.'})
  further: str = dataclasses.field(default='', metadata={'help': 'Folder of a run that trained one of its tickets further; empty = none.'})
  trained: str = dataclasses.field(
    default='', metadata={'help': 'Alone: folder of a run from trained weights, whose facts and curve are put beside what is in --out.'}
  )
  out: str = dataclasses.field(default='', metadata={'help': 'Folder to write into.'})
  notes: str = dataclasses.field(default='', metadata={'help': 'A sentence about the machine.'})

  def __post_init__(self):
    if not (self.out and (self.trained or (self.workdir and self.dense))):
      raise flags.FlagError('--out is needed, and --workdir with --dense, or --trained. Received: not all of them.')


def main(argv: Sequence[str]) -> None:
  """Runs the command."""
  options = flags.read_options(argv, Options, __doc__)
  if options.trained:
    run, out = pathlib.Path(options.trained), pathlib.Path(options.out)
    _write_facts(out, {f'ticket_{path.name}_trained': ticket for path, ticket in _tickets(run).items()})
    shutil.copy(run / 'metrics.jsonl', out / 'metrics_trained.jsonl')
    return
  with quiet.imports():
    from st_tf import report
    from st_tf.ticket import MODEL
  run, dense, out = (pathlib.Path(path) for path in (options.workdir, options.dense, options.out))
  tickets, dense_tickets = _tickets(run), _tickets(dense)
  further = _tickets(pathlib.Path(options.further)) if options.further else {}
  sources = {ticket.fingerprint for ticket in tickets.values()}
  if any(drawn.provenance.source not in sources for drawn in further.values()):
    raise UserError(f'--further trained a ticket of --workdir further. Received: {options.further}, of another ticket. Leave it out.')
  path, ticket = list(tickets.items())[-1]
  history, dense_history = _history(run), _history(dense)
  out.mkdir(parents=True, exist_ok=True)
  report.write(out, ticket, history, tickets=list(tickets.values()), dense_history=dense_history, model_file=path / MODEL)
  shutil.copy(run / 'metrics.jsonl', out / 'metrics.jsonl')
  shutil.copy(dense / 'metrics.jsonl', out / 'metrics_dense.jsonl')
  if options.further:
    shutil.copy(pathlib.Path(options.further) / 'metrics.jsonl', out / 'metrics_further.jsonl')
  named = [(f'ticket_{found.name}', drawn) for found, drawn in tickets.items()]
  named += [(f'ticket_{found.name}_further', drawn) for found, drawn in further.items()]
  named += [('ticket_dense', drawn) for drawn in dense_tickets.values()]
  _write_facts(out, dict(named))
  (out / 'README.md').write_text('\n'.join(_summary(tickets, dense_tickets, further, options.notes)) + '\n', encoding='utf-8')
  print(f'{out}: {", ".join(sorted(file.name for file in out.iterdir()))}')


def _write_facts(out: pathlib.Path, tickets: dict) -> None:
  for name, drawn in tickets.items():
    facts = {
      'fingerprint': drawn.fingerprint,
      'sparsity': drawn.sparsity,
      'metrics': drawn.metrics,
      'cost': drawn.cost.to_json(),
      'provenance': drawn.provenance.to_json(),
      'survivors': drawn.survivors,
    }
    (out / f'{name}.json').write_text(json.dumps(facts, indent=1) + '\n', encoding='utf-8')


def _tickets(run: pathlib.Path) -> dict:
  from st_tf.ticket import Ticket

  found = {path: _public(Ticket.load(path)) for path in sorted(run.glob('tickets/*')) if path.is_dir()}
  if not found or any('test' not in ticket.metrics for ticket in found.values()):
    raise UserError(f'A finished run has tickets with a test score. Received: {run}. Finish it with its own command.')
  return found


def _public(ticket):
  """The ticket without folders of the machine it was drawn on."""
  provenance = ticket.provenance
  public = {'config': commands.public(provenance.config), 'command': commands.of_run(provenance.config)}
  return dataclasses.replace(ticket, provenance=dataclasses.replace(provenance, **public))


def _history(run: pathlib.Path) -> list[dict]:
  return [json.loads(line) for line in (run / 'metrics.jsonl').read_text(encoding='utf-8').splitlines()]


def _summary(tickets: dict, dense: dict, further: dict, notes: str) -> Iterator[str]:
  rows = [('dense supernet', path, ticket) for path, ticket in dense.items()]
  for path, ticket in tickets.items():
    rows.append((f'SuperTicket, {ticket.sparsity:.0%}', path, ticket))
    same = [(path, drawn) for path, drawn in further.items() if drawn.provenance.source == ticket.fingerprint]
    rows += [(f'the same, {drawn.provenance.config["epochs"]} epochs further', path, drawn) for path, drawn in same]
  first = list(tickets.values())[-1]
  config = first.provenance.config
  yield f'# {first.task.name}, `{config["supernet"]}` supernet'
  yield ''
  yield f'{config["epochs"]} epochs, batch {config["batch_size"]}, seed {config["seed"]}, one run each. {notes}'.rstrip()
  yield ''
  scores = [score for score in first.metrics['test'] if score != 'loss']
  metric = first.task.primary_metric
  titles = [*(f'test {score_name(score)}' for score in scores), f'validation {score_name(metric)}']
  titles += ['MACs', 'non-zero MACs', 'parameters', 'non-zero', '.tflite bytes, stored dense', 'epochs', 'all training']
  yield f'| | {" | ".join(titles)} |'
  yield '|---' * (len(titles) + 1) + '|'
  for name, path, ticket in rows:
    cost, training = ticket.cost, ticket.provenance.all_training
    shown = [*(ticket.metrics['test'][score] for score in scores), ticket.metrics['validation'][metric]]
    yield (
      f'| {name} | {" | ".join(map("{:.1%}".format, shown))} | {cost.macs / 1e6:.2f} M'
      f' | {cost.nonzero_macs / 1e6:.2f} M | {cost.params:,} | {cost.nonzero_params:,}'
      f' | {(path / "model.tflite").stat().st_size:,} | {training.epochs:.0f} | {training.seconds / 60:.0f} min |'
    )
  yield ''
  yield 'Commands:'
  yield ''
  yield '```'
  for run in filter(None, (dense, tickets, further)):
    yield list(run.values())[-1].provenance.command
  yield '```'
  yield ''
  curves = ['`metrics.jsonl`', '`metrics_dense.jsonl`']
  if further:
    curves.append('`metrics_further.jsonl`')
  yield f'The report (without pictures of the data) is `index.html`; the curves are in {", ".join(curves[:-1])} and {curves[-1]}.'


if __name__ == '__main__':
  command.run(main)

"""A table of several transfers with their controls, one column per direction: the scores of every seed and their mean.

python benchmarks/transfer_table.py --runs=RUN,RUN,... --out=docs/results/transfer/README.md

A run is the workdir of `python -m st_tf.transfer --controls`; runs of one direction differ in their seed.
"""

from collections.abc import Iterator, Sequence
import dataclasses
import json
import pathlib
from typing import Any

import commands
import numpy as np

from st_tf import command
from st_tf.config import flags
from st_tf.errors import UserError
from st_tf.transfer import NAMES
from st_tf.wording import percent, score_name


@dataclasses.dataclass(frozen=True)
class Options:
  """What to put into the table."""

  runs: str = dataclasses.field(default='', metadata={'help': 'Workdirs of finished transfers, with commas between them.'})
  out: str = dataclasses.field(default='', metadata={'help': 'Markdown file to write.'})

  def __post_init__(self):
    if not (self.runs and self.out):
      raise flags.FlagError('--runs and --out are both needed. Received: not both of them.')


@dataclasses.dataclass(frozen=True)
class Transfer:
  """One finished transfer.

  Attributes:
    title: from where to where.
    seed: of the training.
    ticket: fingerprint of what was moved.
    settings: of the training, but for the seed.
    found: what `transfer.json` has per control.
    minutes: of training, by control.
    command: that trained it, without folders of this machine.
  """

  title: str
  seed: int
  ticket: str
  settings: dict[str, Any]
  found: dict[str, dict]
  minutes: dict[str, float]
  command: str


def main(argv: Sequence[str]) -> None:
  """Runs the command."""
  options = flags.read_options(argv, Options, __doc__)
  runs = [read(pathlib.Path(path)) for path in options.runs.split(',')]
  out = pathlib.Path(options.out)
  out.parent.mkdir(parents=True, exist_ok=True)
  out.write_text('\n'.join(lines(runs)) + '\n', encoding='utf-8')
  print(out.read_text(encoding='utf-8'), end='')


def read(run: pathlib.Path) -> Transfer:
  """The transfer in a workdir.

  Raises:
    UserError: it is not finished, or no transfer.
  """
  try:
    facts = json.loads((run / 'transfer.json').read_text(encoding='utf-8'))
    tickets = {name: json.loads(_ticket(run, name).read_text(encoding='utf-8')) for name in facts['found']}
    moved = tickets['none']
  except (OSError, StopIteration, json.JSONDecodeError, KeyError) as error:
    rule = 'A run is the workdir of a finished transfer with its controls.'
    raise UserError(f'{rule} Received: {run} ({error!r}). Finish it with its own command.') from error
  config = moved['provenance']['config']
  return Transfer(
    title=f'{facts["from"]} -> {moved["task"]["name"]}',
    seed=config['seed'],
    ticket=facts['ticket'],
    settings={name: value for name, value in config.items() if name not in ('seed', 'init_from', 'data_dir')},
    found=facts['found'],
    minutes={name: ticket['provenance']['seconds'] / 60 for name, ticket in tickets.items()},
    command=f'{commands.of_run(config)} --controls',
  )


def lines(runs: Sequence[Transfer]) -> Iterator[str]:
  """The tables, one per direction."""
  for title in dict.fromkeys(run.title for run in runs):
    same = sorted((run for run in runs if run.title == title), key=lambda run: run.seed)
    _check_alike(title, same)
    scores = [score for score in same[0].found['none']['test'] if score != 'loss']
    yield f'## {title}'
    yield ''
    seeds = ', '.join(str(run.seed) for run in same)
    yield f'Test scores of seeds {seeds} and their mean; the tickets {", ".join(dict.fromkeys(run.ticket[:12] for run in same))}.'
    yield ''
    yield f'| | {" | ".join(map(score_name, scores))} | sparsity | non-zero MACs | minutes |'
    yield '|---' * (len(scores) + 4) + '|'
    for name, words in NAMES.items():
      if not all(name in run.found for run in same):
        continue
      cells = [_cell([run.found[name]['test'][score] for run in same]) for score in scores]
      sparsity = ', '.join(dict.fromkeys(percent(run.found[name]['sparsity']) for run in same))
      macs = ', '.join(f'{run.found[name]["nonzero_macs"] / 1e6:.1f} M' for run in same)
      minutes = ', '.join(f'{run.minutes[name]:.0f}' for run in same)
      yield f'| {words} | {" | ".join(cells)} | {sparsity} | {macs} | {minutes} |'
    yield ''
    yield '```'
    yield same[0].command
    yield '```'
    yield ''


def _check_alike(title: str, runs: Sequence[Transfer]) -> None:
  first = runs[0]
  for run in runs[1:]:
    different = sorted(name for name in first.settings if run.settings.get(name) != first.settings[name])
    if different or run.seed == first.seed:
      what = f'other {", ".join(different)}' if different else f'seed {run.seed} twice'
      raise UserError(f'Runs of one direction differ in their seed alone. Received: {what} in {title}. Leave one out.')


def _cell(values: Sequence[float]) -> str:
  return f'{", ".join(map(percent, values))}: **{percent(float(np.mean(values)))}**'


def _ticket(run: pathlib.Path, name: str) -> pathlib.Path:
  return next((run / name / 'tickets').glob('*/ticket.json'))


if __name__ == '__main__':
  command.run(main)

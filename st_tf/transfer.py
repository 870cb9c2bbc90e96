"""Moves a ticket to another task: python -m st_tf.transfer --ticket=FOLDER --task=NAME [--controls] [flags of a training]

Body, mask and weights stay, the head is new. With --controls the same training is also done with the ticket's mask and random
weights, with a random mask of as many weights per layer, with the whole body, and for a ticket drawn on the task itself.
"""

from collections.abc import Iterator, Sequence
import dataclasses
import json
import pathlib
from typing import Any

from absl import flags as absl_flags

from st_tf import command, files, flags, presets
from st_tf.config import CONTROLS, Config
from st_tf.wording import score, score_name

_OWN = 'drawn_here'  # The control that is a ticket of the task itself.
_NAMES = {
  'none': 'the ticket',
  'random_weights': 'its mask, random weights',
  'random_mask': 'random mask, random weights',
  'dense_body': 'its body, no mask',
  _OWN: 'a ticket drawn on this task',
}


@dataclasses.dataclass(frozen=True)
class Options:
  """What this command does beside the training's settings."""

  ticket: str = dataclasses.field(default='', metadata={'help': 'Folder of the ticket.'})
  workdir: str = dataclasses.field(default='', metadata={'help': 'Folder for all of it; empty = runs/TASK-transfer-TICKET-SEED.'})
  controls: bool = dataclasses.field(default=False, metadata={'help': 'Train the four controls too, and compare.'})
  fresh: bool = dataclasses.field(default=False, metadata={'help': 'Forget what is in the workdir and start over.'})

  def __post_init__(self):
    if not self.ticket:
      raise flags.FlagError('--ticket is needed. Received: none. Write --ticket=FOLDER.')


def main(argv: Sequence[str]) -> int:
  """Runs the command; the exit code is 0, or 130 after an interruption."""
  values = absl_flags.FlagValues()
  flags.define(values, dataclasses.fields(Options))
  flags.define_config(values)
  flags.parse(argv, values, __doc__)
  options = flags.options_from(values, Options)
  config = flags.config_from(values)
  with command.quiet_imports():
    from st_tf import replicas, train
    from st_tf import task as tasks
    from st_tf.stages import Interrupted
    from st_tf.ticket import Ticket
    from st_tf.workdir import Workdir
  replicas.prepare(config.replicas)
  ticket, task = Ticket.load(options.ticket), tasks.load(config.task, config.data)
  config = dataclasses.replace(flags.config_from(values, task.settings), method='transfer', init_from=options.ticket)
  root = pathlib.Path(options.workdir or train.default_workdir(config))
  chosen = {config.transfer.control: config}
  if options.controls:
    chosen |= _controls(task, ticket, config, root)
  found = {}
  for name, settings in chosen.items():
    workdir = Workdir(root / name, settings, options.fresh)
    try:
      train.draw(task, settings, workdir)
    except (Interrupted, KeyboardInterrupt) as stopped:
      print(f'\n{stopped}')
      return command.INTERRUPTED
    (path,) = workdir.tickets()
    found[name] = _result(Ticket.load(path))
  files.write_text(
    root / 'transfer.json', json.dumps({'ticket': ticket.fingerprint, 'from': ticket.task['name'], 'found': found}, indent=1)
  )
  print('\n'.join(lines(found, f'{ticket.task["name"]} -> {task.name}')))
  return 0


def lines(found: dict[str, dict[str, Any]], title: str) -> Iterator[str]:
  """The comparison for people."""
  metric = next(iter(found.values()))['metric']
  yield ''
  yield title
  width = max(len(_NAMES[name]) for name in found)
  yield f'{"":{width}}  {"validation":>10}  {"test":>10}  non-zero MACs   {score_name(metric)}'
  for name, row in found.items():
    shown = (score(metric, row[split][metric]) for split in ('validation', 'test'))
    yield '  '.join([f'{_NAMES[name]:{width}}', *(f'{value:>10}' for value in shown), f'{row["nonzero_macs"]:>13,}'])


def _controls(task: Any, ticket: Any, config: Config, root: pathlib.Path) -> dict[str, Config]:
  """The settings of the four controls by name."""
  from st_tf.methods.transfer import supernet

  plain = dataclasses.replace(config.transfer, rewind=False, freeze_body=False, reactivate=False)
  found = {name: dataclasses.replace(config, transfer=dataclasses.replace(plain, control=name)) for name in CONTROLS[1:]}
  path = root / 'supernet.json'
  path.parent.mkdir(parents=True, exist_ok=True)
  files.write_text(path, presets.to_text(supernet(task, ticket, config.transfer.input_stride)))
  pruning = dataclasses.replace(config.pruning, sparsity=(ticket.sparsity,))
  none = dataclasses.replace(plain, control='none', input_stride=0)
  own = dataclasses.replace(config, method='supertickets', init_from='', supernet=str(path), pruning=pruning, transfer=none)
  return found | {_OWN: own}


def _result(ticket: Any) -> dict[str, Any]:
  metric = ticket.task['primary_metric']
  splits = {split: ticket.metrics[split] for split in ('validation', 'test')}
  return {'metric': metric, **splits, 'nonzero_macs': ticket.cost['nonzero_macs'], 'fingerprint': ticket.fingerprint}


if __name__ == '__main__':
  command.run(main)

"""Moves a ticket to another task: python -m st_tf.transfer --ticket=FOLDER --task=NAME [--controls] [flags of a training]

Body, mask and weights stay, the head is new. With --controls the same training is also done with the ticket's mask and random
weights, with a random mask of as many weights per layer, with the whole body, and for a ticket drawn on the task itself: of the same
supernet, searched to as many MACs and as sparse; its head is left unpruned where the moved ticket's is.
"""

from collections.abc import Iterator, Sequence
import dataclasses
import json
import pathlib
from typing import Any

from absl import flags as absl_flags

from st_tf import command, files
from st_tf.arch import presets
from st_tf.config import CONTROLS, RANDOM, Config, Identity, TransferConfig, flags
from st_tf.wording import score, score_name

_GIVEN_BY_TICKET = ('sparsity', 'target_macs', 'target_latency_ms')
_GIVEN_BY_COMMAND = ('method', 'init_from')
_DIGITS = 8
_OWN = 'drawn_here'  # The control that is a ticket of the task itself.
NAMES = {
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
  workdir: str = dataclasses.field(
    default='', metadata={'help': 'Folder for all of it; empty = runs/TASK-transfer-FINGERPRINT-SEED, of the ticket.'}
  )
  controls: bool = dataclasses.field(default=False, metadata={'help': 'Train the four controls too, and compare.'})
  dry_run: bool = dataclasses.field(default=False, metadata={'help': "Print the plan of the ticket's training and stop."})
  fresh: bool = dataclasses.field(default=False, metadata={'help': 'Forget what is in the workdir and start over.'})

  def __post_init__(self):
    if not self.ticket:
      raise flags.FlagError('--ticket is needed. Received: none. Write --ticket=FOLDER.')


def _check(options: Options, config: Config, values: absl_flags.FlagValues) -> None:
  given = flags.given_settings(values)
  if 'task' not in given and not values['recipe'].value:
    raise flags.FlagError('--task is needed: what the ticket moves to. Received: none. Write --task=NAME.')
  settled = next((name for name in _GIVEN_BY_TICKET if name in given), '')
  if settled:
    raise flags.FlagError(f'The ticket says how sparse and how large a network is moved. Received: --{settled}. Leave it out.')
  other = next((name for name in _GIVEN_BY_COMMAND if name in given), '')
  if other:
    raise flags.FlagError(f'This command moves the ticket in --ticket. Received: --{other}. Leave it out.')
  changed = [name for name in ('freeze_body', 'reactivate') if getattr(config.transfer, name)]
  changed += ['control'] * (config.transfer.control != 'none')
  if options.controls and changed:
    raise flags.FlagError(f'--controls do the same training with another start. Received: --{changed[0]} too. Leave out one of them.')


def main(argv: Sequence[str]) -> int:
  """Runs the command; the exit code is 0, or 130 after an interruption."""
  values = absl_flags.FlagValues()
  flags.define(values, dataclasses.fields(Options))
  flags.define_config(values)
  flags.parse(argv, values, __doc__)
  options = flags.options_from(values, Options)
  config = flags.config_from(values)
  _check(options, config, values)
  with command.quiet_imports():
    from st_tf import train
    from st_tf.methods import transfer
    from st_tf.runs.process import Process
    from st_tf.runs.workdir import Workdir
    from st_tf.ticket import Ticket
    from st_tf.training import replicas
  replicas.prepare(config.replicas)
  ticket = Ticket.load(options.ticket)
  task, config = train.settled(values, config)
  # Files and recipes name a supernet; the ticket brings its own.
  supernet = flags.given_settings(values).get('supernet', '')
  config = dataclasses.replace(config, method='transfer', init_from=options.ticket, supernet=supernet)
  named = dataclasses.replace(config, init_from=ticket.fingerprint[:_DIGITS], supernet='')
  root = pathlib.Path(options.workdir or train.default_workdir(named))
  own_supernet = root / 'supernet.json'
  if options.controls:  # What the last of five trainings cannot have is said before the first.
    _check_drawn_here(task, ticket, config, own_supernet)
  names = (*CONTROLS, _OWN) if options.controls else (config.transfer.control,)
  if options.dry_run:
    print('\n'.join(_plan(task, config, root, names)))
    return 0
  process = Process(command.line(argv), command.again(options.fresh), command.stopping)
  found: dict[str, dict[str, Any]] = {}
  paths: list[pathlib.Path] = []
  for number, name in enumerate(names, 1):
    if options.controls:
      print(f'\n[{number}/{len(names)}] {NAMES[name]}', flush=True)
    if name == _OWN:
      settings = _drawn_here(task, ticket, config, own_supernet, found['none'])
      files.write_text(own_supernet, presets.to_text(transfer.supernet(task, ticket, config.transfer.input_stride)))
    else:
      settings = _control(config, name)
    workdir = Workdir(root / name, Identity.of(settings), process, fresh=options.fresh)
    code = train.draw(task, settings, workdir)
    if code:
      return code
    paths += workdir.tickets()
    found[name] = _result(Ticket.load(paths[-1]))
  files.write_text(
    root / 'transfer.json', json.dumps({'ticket': ticket.fingerprint, 'from': ticket.task['name'], 'found': found}, indent=1)
  )
  print('\n'.join(lines(found, f'{ticket.task["name"]} -> {task.name}')))
  print(f'\nThe moved ticket: {paths[0]}\nIts report: {paths[0] / "report" / "index.html"}')
  return 0


def _plan(task: Any, config: Config, root: pathlib.Path, names: Sequence[str]) -> Iterator[str]:
  from st_tf.api.dry_run import describe

  yield from describe(task, config, root)
  if len(names) > 1:
    yield f'  controls    {len(names) - 1} more trainings, each about as long: {", ".join(NAMES[name] for name in names[1:])}'


def lines(found: dict[str, dict[str, Any]], title: str) -> Iterator[str]:
  """The comparison for people."""
  metric = next(iter(found.values()))['metric']
  yield ''
  yield title
  width = max(len(NAMES[name]) for name in found)
  yield f'{"":{width}}  {"validation":>10}  {"test":>10}  sparsity  non-zero MACs   {score_name(metric)}'
  for name, row in found.items():
    shown = (score(metric, row[split][metric]) for split in ('validation', 'test'))
    yield '  '.join(
      [f'{NAMES[name]:{width}}', *(f'{value:>10}' for value in shown), f'{row["sparsity"]:>8.1%}', f'{row["nonzero_macs"]:>13,}']
    )


def _control(config: Config, name: str) -> Config:
  """The settings of a control that exchanges what the ticket brings."""
  rewind = config.transfer.rewind and name not in RANDOM
  return dataclasses.replace(config, transfer=dataclasses.replace(config.transfer, control=name, rewind=rewind))


def _drawn_here(task: Any, ticket: Any, config: Config, supernet: pathlib.Path, moved: dict[str, Any]) -> Config:
  """The settings that draw a ticket of the moved one's supernet on the task itself: as sparse, of as many MACs, in the same layers."""
  from st_tf.ticket import moving

  pruning = dataclasses.replace(config.pruning, sparsity=(moved['sparsity'],), **moving.pruned_layers(ticket, task.head))
  is_smaller = moved['macs'] < moved['supernet_macs']
  search = {'target_macs': float(moved['macs'])} if is_smaller else {'target_macs': 0.0, 'penalty': 0.0}
  return dataclasses.replace(
    config,
    **{'method': 'supertickets', 'init_from': '', 'supernet': str(supernet), 'pruning': pruning, 'transfer': TransferConfig()},
    search=dataclasses.replace(config.search, target_latency_ms=0.0, **search),
  )


def _check_drawn_here(task: Any, ticket: Any, config: Config, supernet: pathlib.Path) -> None:
  """Refuses settings with which no ticket can be drawn on the task itself.

  Raises:
    UserError: naming the setting.
  """
  from st_tf.methods import supertickets, transfer
  from st_tf.models import cost
  from st_tf.runs.target import check_sparsity
  from st_tf.training.trainer import Trainer

  steps = task.steps_per_epoch(config.batch_size)
  settings = transfer.settled(task, config)
  moved = transfer.trainer(task, settings, transfer.plan(settings, steps))
  (sparsity,) = settings.pruning.sparsity
  asked = {'sparsity': sparsity, 'macs': cost.of(moved.model).macs, 'supernet_macs': moved.initial['macs']}
  own = _drawn_here(task, ticket, config, supernet, asked)
  plan = supertickets.plan(own, steps)
  arch = transfer.supernet(task, ticket, config.transfer.input_stride)
  check_sparsity(Trainer(arch, task, own, plan.pruning, searching=plan.search_every > 0), plan)


def _result(ticket: Any) -> dict[str, Any]:
  cost = ticket.cost
  return {
    'metric': ticket.task['primary_metric'],
    **{split: ticket.metrics[split] for split in ('validation', 'test')},
    **{name: cost[name] for name in ('macs', 'supernet_macs', 'nonzero_macs', 'prunable', 'zeros')},
    **{'sparsity': ticket.sparsity, 'fingerprint': ticket.fingerprint},
  }


if __name__ == '__main__':
  command.run(main)

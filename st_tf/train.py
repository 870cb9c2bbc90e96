"""Draws a ticket: trains a supernet once, searching its architecture and pruning its weights in the same run.

  python -m st_tf.train --task=cifar100

The same command continues a run that was interrupted. It ends with a ticket, a TFLite file and a report.
"""

from collections.abc import Sequence
import dataclasses
import os
import pathlib
import time
from typing import Any

from absl import flags as absl_flags

from st_tf import command, methods, wording
from st_tf.api.stand_in import StandIn
from st_tf.arch.presets import supernet
from st_tf.config import Config, Identity, flags, recipes
from st_tf.task import Task, TaskError, load

_FEW_STEPS = 1000  # On CIFAR-100 a quarter of 3,372 were too few (docs/results/comparison/screening).


@dataclasses.dataclass(frozen=True)
class Options:
  """What this command does beside the run's settings."""

  workdir: str = dataclasses.field(
    default='', metadata={'help': 'Folder for checkpoints, metrics and tickets; empty = runs/TASK-METHOD-SUPERNET-SEED.'}
  )
  fresh: bool = dataclasses.field(default=False, metadata={'help': 'Forget what is in the workdir and start over.'})
  stages: str = dataclasses.field(
    default='', metadata={'help': 'Folder of the trainings that runs of several are made of, for runs to share; empty = in the workdir.'}
  )
  deliver: bool = dataclasses.field(default=True, metadata={'help': 'Score the tickets on the test split, write model files and reports.'})
  dry_run: bool = dataclasses.field(default=False, metadata={'help': 'Print the plan and stop.'})


def main(argv: Sequence[str]) -> int | None:
  """Runs the command; the exit code is 0, or 130 after an interruption."""
  values = absl_flags.FlagValues()
  flags.define(values, dataclasses.fields(Options))
  flags.define_config(values)
  flags.parse(argv, values, __doc__)
  config = flags.config_from(values)
  options = flags.options_from(values, Options)
  if config.supernet:
    supernet(config.supernet)
  with command.quiet_imports():
    from st_tf.runs.process import Process
    from st_tf.runs.workdir import Workdir
    from st_tf.training import replicas
  replicas.prepare(config.replicas)
  task, config = settled(values, config, options.dry_run)
  if not config.supernet and not config.init_from:
    config = dataclasses.replace(config, supernet=task.default_supernet)
  path = pathlib.Path(options.workdir or default_workdir(config))
  if options.dry_run:
    from st_tf.api.dry_run import describe

    _tell_of_few_steps(task, config)
    for line in describe(task, config, path):
      print(line, flush=True)
    return 0
  process = Process(command.line(argv), command.again(options.fresh), command.stopping)
  workdir = Workdir(path, Identity.of(config), process, fresh=options.fresh, stages=options.stages or None, wait=bool(options.stages))
  if not (workdir.is_finished or workdir.has_checkpoint):
    _tell_of_few_steps(task, config)
  return draw(task, config, workdir, options.deliver)


def settled(values: absl_flags.FlagValues, config: Config, planned_only: bool = False) -> tuple[Task, Config]:
  """(what to train on, the settings with those that suit it), and says what should be known of both.

  Args:
    values: the command line.
    config: its settings.
    planned_only: whether no training follows.

  Raises:
    UserError: as `problem`.
  """
  recipe = values['recipe'].value
  notes = [f'recipe {recipe}: {note}' for note in flags.recipe_settings(values)[1]] if recipe else []
  task = problem(config, recipe, planned_only)
  print(''.join(f'{note}\n' for note in (*notes, *task.notes)), end='', flush=True)
  return task, flags.config_from(values, task.settings)


def problem(config: Config, recipe: str, planned_only: bool) -> Task:
  """What to train on; a plan of a recipe's own task needs no data, and reads some only where `--data_dir` says.

  Raises:
    UserError: no such task, bad data, or a task that the recipe does not fit.
  """
  if recipe and planned_only and config.task == recipes.RECIPES[recipe].task and not config.data.data_dir:
    return StandIn(recipes.RECIPES[recipe], config.data)
  try:
    task = load(config.task, config.data)
  except TaskError as error:
    if not recipe:
      raise
    raise TaskError(recipes.explained(recipe, str(error))) from error
  if recipe:
    recipes.check_fits(recipe, config.task, task.primary_metric)
  return task


def draw(task: Any, config: Config, workdir: Any, delivered: bool = True) -> int:
  """Draws the tickets that are missing in `workdir`; the exit code is 0, or 130 after an interruption.

  Args:
    task: what to train on.
    config: the run's settings.
    workdir: the run's folder.
    delivered: whether tickets get test scores, model files and reports.
  """
  from st_tf.runs.process import Interrupted, NothingLeft

  try:
    _draw(task, config, workdir, delivered)
  except Interrupted as signal:
    print(f'\n{signal}')
    return command.INTERRUPTED
  except NothingLeft as end:
    print(end, flush=True)
  except KeyboardInterrupt:
    where = 'continues from the last checkpoint' if workdir.has_checkpoint else 'starts again; nothing was saved yet'
    print(f'\nInterrupted: {workdir.process.again} {where}.')
    return command.INTERRUPTED
  return 0


def _draw(task: Any, config: Config, workdir: Any, delivered: bool) -> None:
  from st_tf.api.delivery import deliver

  started = time.monotonic()
  print(f'{config.method} on {task.name}: {task.sizes["train"]:,} training images, {config.epochs} epochs, workdir {workdir.path}')
  if not workdir.is_finished:
    methods.named(config.method).draw(task, config, workdir)
    workdir.finish()
  paths = list(workdir.tickets()) if delivered else []
  for path, ticket in zip(paths, deliver(paths, task, workdir, config.batch_size)):
    print(_summary(ticket, path))
  print(f'Done in {time.monotonic() - started:.0f} s.')


def _tell_of_few_steps(task: Task, config: Config) -> None:
  """Says so of a training from the first weights on that is too short to learn much."""
  steps = config.epochs * task.steps_per_epoch(config.batch_size)
  if steps < _FEW_STEPS and not config.init_from:
    print(f'Only {steps} training steps; thousands are usual. Raise --epochs or lower --batch_size.', flush=True)


def default_workdir(config: Config) -> pathlib.Path:
  """Where a run goes that was not told: runs/ in the current folder."""
  name = f'{config.task}-{config.method}-{pathlib.Path(config.supernet or config.init_from).name.removesuffix(".json")}-{config.seed}'
  return pathlib.Path('runs') / name.replace(':', '_').replace(os.sep, '_')


def _summary(ticket: Any, path: pathlib.Path) -> str:
  metric = ticket.task['primary_metric']
  cost, shown = ticket.cost, pathlib.Path(os.path.relpath(path)) if path.is_relative_to(pathlib.Path.cwd()) else path
  model = path / 'model.tflite'
  zeros = cost['zeros'] / cost['prunable'] if cost['prunable'] else 0.0
  return '\n'.join(
    [
      '',
      f'Ticket at {ticket.sparsity:.0%} sparsity: {wording.score_name(metric)} {ticket.metrics["test"][metric]:.1%} on the test split'
      f' ({ticket.metrics["validation"][metric]:.1%} on validation)',
      f'  pruned      {cost["zeros"]:,} of {cost["prunable"]:,} prunable weights ({zeros:.2%})',
      f'  MACs        {cost["supernet_macs"]:,} -> {cost["macs"]:,} of the network -> {cost["nonzero_macs"]:,} non-zero',
      f'  parameters  {cost["supernet_params"]:,} -> {cost["params"]:,} -> {cost["nonzero_params"]:,}',
      *_trimmed(ticket),
      *(['              the new head keeps all its weights; --reactivate prunes it too'] if _has_dense_head(ticket) else []),
      f'  ticket      {shown}',
      f'  model       {shown / model.name} ({model.stat().st_size:,} bytes)',
      f'  report      {shown / "report" / "index.html"}',
    ]
  )


def _trimmed(ticket: Any) -> list[str]:
  count = ticket.provenance.get('trimmed', 0)
  return (
    [f'              {count:,} units had to go at the end of the search to meet its target; a longer one chooses better'] if count else []
  )


def _has_dense_head(ticket: Any) -> bool:
  """Whether a moved ticket has a head that nothing has pruned."""
  return ticket.provenance['method'] == 'transfer' and bool(ticket.masks) and not any(name.startswith('head/') for name in ticket.masks)


if __name__ == '__main__':
  command.run(main)

"""Drawing a ticket: what every way to it does, from a request to the tickets in a folder."""

from collections.abc import Sequence
import dataclasses
import pathlib
import time

from st_tf import methods, wording
from st_tf.api.delivery import deliver
from st_tf.api.shipping import FORMAT, ship
from st_tf.api.stand_in import StandIn
from st_tf.api.suited import suited
from st_tf.api.summary import summary
from st_tf.arch import presets
from st_tf.config import Config, recipes
from st_tf.config.request import Request
from st_tf.errors import Interrupted
from st_tf.models import families, starts
from st_tf.report import verdict
from st_tf.runs.workdir import Workdir
from st_tf.task import Task, TaskError, load
from st_tf.task.baselines import Baselines
from st_tf.training import replicas

_FEW_STEPS = 1000  # On CIFAR-100 a quarter of 3,372 were too few (docs/results/comparison/screening).
_FEW_TRAINED = 300  # Of a network that is trained already.


def prepared(
  request: Request, task: Task | None = None, planned_only: bool = False, jobs: int = 1, chosen: Sequence[str] = ()
) -> tuple[Task, Config]:
  """(what to train on, the settings with those that suit it); says what should be known of both.

  Args:
    request: what is wanted.
    task: what to train on, where it is at hand; None = the one that the settings name.
    planned_only: whether no training follows.
    jobs: trainings at a time, which share the machine's memory.
    chosen: methods that are run; none = the one of the settings.

  Raises:
    UserError: no such supernet or task, bad data, a task that the recipe does not fit, or settings that no run can have.
  """
  config = request.resolved()
  request.check_read(chosen or (config.method,))
  starts.check(config.supernet, config.weights, config.pixels, config.padding)  # Told before data are read.
  if not planned_only:  # A plan is made by one worker.
    replicas.prepare(config)
  task = task or _problem(config, request.recipe, planned_only)
  if request.recipe:
    recipes.check_fits(request.recipe, config.task, task.primary_metric)
  print(''.join(f'{note}\n' for note in (*request.notes, *task.notes)), end='', flush=True)
  task, config = suited(task, request, jobs)
  if not planned_only:
    replicas.check_batch(config)
  return task, config


def with_supernet(task: Task, config: Config) -> Config:
  """The settings with the task's own supernet where none is named and none comes with a ticket."""
  return config if config.supernet or config.origin else dataclasses.replace(config, supernet=task.default_supernet)


def draw_into(task: Task, config: Config, workdir: Workdir, delivered: bool = True, shipped: bool = False) -> list[pathlib.Path]:
  """Draws the tickets that are missing in `workdir`; the folders of all of them.

  Args:
    task: what to train on.
    config: the run's settings.
    workdir: the run's folder.
    delivered: whether tickets get test scores, model files and reports.
    shipped: whether they get a file for phones and an app, too.

  Raises:
    UserError: the run cannot go to its end.
    Interrupted: it was asked to stop; its state is saved.
  """
  try:
    return _drawn(task, config, workdir, delivered, shipped)
  except KeyboardInterrupt:
    where = 'continues from the last checkpoint' if workdir.has_checkpoint else 'starts again; nothing was saved yet'
    raise Interrupted(f'Interrupted: {workdir.process.again} {where}.') from None


def _drawn(task: Task, config: Config, workdir: Workdir, delivered: bool, shipped: bool) -> list[pathlib.Path]:
  started = time.monotonic()
  delivered = delivered and replicas.place(config).is_chief
  simple = Baselines(task)
  if not (workdir.is_finished or workdir.has_checkpoint):
    tell_of_few_steps(task, config)
    if delivered:
      print('Measuring what a network has to beat.', flush=True)
      print(f'to beat: {to_beat(task, simple) or "nothing is known of such targets"}', flush=True)
  print(f'{config.method} on {task.name}: {task.sizes["train"]:,} training images, {config.epochs} epochs, workdir {workdir.path}')
  if workdir.is_finished:
    print('It is finished already; --fresh would start over.', flush=True)
  else:
    methods.named(config.method).draw(task, config, workdir)
    workdir.finish()
  paths = list(workdir.tickets())
  if delivered:
    print('Scoring on the test split, writing files and pages.', flush=True)
    formats = (FORMAT,) if shipped else ()
    for path, ticket in zip(paths, deliver(paths, task, workdir, config.batch_size, simple, formats)):
      print(summary(ticket, path, workdir.history.rows()))
      print(''.join(f'{line}\n' for line in (ship(path, ticket) if shipped else ())), end='', flush=True)
  print(f'Done in {wording.duration(time.monotonic() - started)}.')
  return paths


def to_beat(task: Task, simple: Baselines, split: str = 'validation') -> str:
  """What a network has to beat on the images of a split, in a line, with 95% intervals; '' where nothing is known."""
  scores, intervals, metric = simple.scores(split), simple.intervals(split), task.primary_metric
  how = f'; in brackets 95% intervals, {task.scored(split):,} examples' if intervals else ''
  return f'{wording.score_name(metric)} on {split}: {verdict.beaten(scores, metric, intervals)}{how}' if scores else ''


def tell_of_few_steps(task: Task, config: Config) -> None:
  """Says so of a training from the first weights on, or from those of another task, that is too short to learn much."""
  steps = config.epochs * task.steps_per_epoch(config.batch_size)
  trained = presets.is_graph(config.supernet) and config.weights != families.NONE
  if steps < (_FEW_TRAINED if trained else _FEW_STEPS) and not config.origin:
    usual = 'a thousand is' if trained else 'thousands are'
    print(f'Only {steps} training steps; {usual} usual. Raise --epochs or lower --batch_size.', flush=True)


def _problem(config: Config, recipe: str, planned_only: bool) -> Task:
  """What to train on; a plan of a recipe's own task needs no data, and reads some only where `--data_dir` says."""
  if recipe and planned_only and config.task == recipes.RECIPES[recipe].task and not config.data.data_dir:
    return StandIn(recipes.RECIPES[recipe], config.data)
  try:
    return load(config.task, config.data)
  except TaskError as error:
    if not recipe:
      raise
    raise TaskError(recipes.explained(recipe, str(error))) from error

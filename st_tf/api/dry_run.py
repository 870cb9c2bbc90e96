"""What a run would do, before it does it: sizes, schedule, and an estimate of the time from a few timed steps."""

from collections.abc import Iterator
import math
import pathlib
import statistics
import time

import tensorflow as tf

from st_tf import methods, wording
from st_tf.api import drawing, removals
from st_tf.api.stand_in import StandIn
from st_tf.arch import memory
from st_tf.arch.graph import Graph
from st_tf.arch.presets import is_graph
from st_tf.config import Config
from st_tf.models import cost
from st_tf.models.families import NONE
from st_tf.runs import factoring
from st_tf.runs.start import fresh, load_weights
from st_tf.runs.target import check_sparsity, check_target, initial, limited, removable, shown, target
from st_tf.task import Task
from st_tf.task.baselines import Baselines
from st_tf.task.scoring import readable
from st_tf.training import replicas
from st_tf.training.plan import Plan, training_alone
from st_tf.training.trainer import Trainer

_TIMED_STEPS = 3
_SHOWN_EVENTS = 6
_SITES = dict.fromkeys(('', 'scale'), 'scales behind the activations') | {'gamma': 'the scales of batch norms before the activations'}
_BEGINS = {'': 'those of the file', NONE: 'random ones'}


def describe(task: Task, config: Config, workdir: pathlib.Path) -> Iterator[str]:
  """The plan, line by line; the last line needs a traced training step, and so data.

  Args:
    task: what to train on.
    config: the run's settings.
    workdir: where the run would write.

  Raises:
    UserError: settings with which no run is possible.
  """
  method = methods.named(config.method)
  config = method.settled(task, config)
  plan = method.plan(config, task.steps_per_epoch(config.batch_size))
  own = tuple(method.tells(task, config))
  trainer = method.trainer(task, config, plan)
  if config.init_from.endswith('.npz'):
    load_weights(trainer)  # A run would refuse those that do not fit.
  costs = cost.of(trainer.model)
  height, width = task.image_size
  yield f'{config.method} on {task.name}, workdir {workdir}'
  sizes = ', '.join(f'{count:,} {split}' for split, count in task.sizes.items())
  without_data = isinstance(task, StandIn)
  sizes = f'none was read; by the published sizes {sizes}' if without_data else sizes
  yield f'  data        {sizes}; {height}x{width} pixels, {len(task.labels)} outputs'
  simple = '' if without_data else drawing.to_beat(task, Baselines(task))
  if simple:
    yield f'  to beat     {simple}'
  yield f'  network     {costs.params:,} parameters, {costs.macs:,} MACs; {trainer.mask.size:,} prunable weights'
  yield from own
  if is_graph(config.supernet) and not config.origin:
    yield f'  weights     {_BEGINS.get(config.weights, config.weights)}'
  yield f'  training    {config.epochs} epochs of {plan.steps_per_epoch} steps of {config.batch_size} images = {plan.total_steps:,} steps'
  takes = memory.of_step(trainer.arch, task.head, (height, width, 3), config.batch_size)
  yield f'  memory      a step takes about {takes / 1e9:.1f} GB of {memory.machine() / 1e9:.1f} GB'
  trainings = method.trainings(config)
  epochs = sum(training.epochs for training in trainings)
  if trainings[0].name:
    yield f'  stages      {", ".join(f"{training.name} {training.epochs:g} epochs" for training in trainings)}; {epochs:g} in all'
  yield f'  rate        {_rates(plan)}; warm-up {plan.warmup_steps} steps'
  if plan.fine_tune_step < plan.total_steps:
    yield f'  fine-tuning from step {plan.fine_tune_step}, on a rate cycle of its own'
  if plan.quantize_step < plan.total_steps:
    yield f'  rounding    weights and activations as in {config.training.quantize} files, from step {plan.quantize_step}'
  if plan.removes_first:
    yield from removals.lines(trainer, plan, trainings, not without_data)
  else:
    yield from _search_lines(trainer, plan, not without_data)
  yield from _pruning_lines(trainer, plan, method.pruning)
  if without_data:
    yield '  time        not measured, since no data was read; --data_dir=FOLDER reads some'
    return
  yield from _time_lines(trainer, plan, takes, epochs)


def seconds_of_steps(task: Task, config: Config) -> tuple[float, float]:
  """(of the first step, which builds the training function; of one that follows), of the whole network without search and pruning."""
  plan = training_alone(config, task.steps_per_epoch(config.batch_size))
  return _seconds(fresh(task, config, plan), plan)


def _rates(plan: Plan) -> str:
  steps = sorted({0, plan.total_steps // 4, plan.total_steps // 2, 3 * plan.total_steps // 4, plan.total_steps - 1})
  return ', '.join(f'{plan.learning_rate(step):.2g} at step {step}' for step in steps)


def _search_lines(trainer: Trainer, plan: Plan, has_data: bool) -> Iterator[str]:
  search, groups, kept = trainer.config.search, trainer.groups, []
  if not plan.search_every:
    yield '  search      none'
    return
  if isinstance(trainer.arch, Graph):
    load_weights(trainer)
    groups, kept = removable(trainer), list(removals.kept_lines(trainer))
    if has_data:
      factoring.begin(trainer)
  check_target(trainer)
  if not groups:
    yield '  search      no units are left to search'
    return
  looks = [step for step in range(1, plan.search_end + 1) if plan.is_search_due(step)]
  units = sum(group.units for group in groups)
  yield f'  search      {units:,} units in {len(groups)} groups; {len(looks)} looks at steps {_some(looks)}'
  if search.has_target:
    wanted = shown(target(trainer), limited(trainer).symbol)
    yield f'              target {wanted} ({target(trainer) / initial(trainer):.0%}); the penalty is steered'
  else:
    yield f'              penalty {search.penalty:g}'
  penalties = trainer.penalties()
  heaviest = sorted(penalties[group.name] for group in groups)
  yield f'              penalty of a unit between {heaviest[0]:.2f} and {heaviest[-1]:.2f} of the mean, grown after {plan.ramp_steps} steps'
  if kept:
    yield f'              factors are {_SITES[search.factor]}'
  if trainer.factors_of_graph and search.penalised == 'least':
    pushed = sum(map(len, trainer.factors_of_graph.penalised.values()))
    yield f'              {pushed:,} units are pushed, the least important ones'
  yield from kept


def _pruning_lines(trainer: Trainer, plan: Plan, described: str) -> Iterator[str]:
  schedule = plan.pruning
  if schedule is None:
    yield '  pruning     none'
    return
  check_sparsity(trainer, plan)
  events = [(step, schedule.sparsity_at(step)) for step in range(1, plan.total_steps + 1) if schedule.is_event(step)]
  if not events:
    yield f'  pruning     the mask of {wording.sparsity(schedule.target_sparsity)} stays as it is'
    return
  listed = sorted({*events[:: math.ceil(len(events) / _SHOWN_EVENTS)], events[-1]})
  pruning = trainer.config.pruning
  usual = f'{pruning.pruning_schedule}, {pruning.reactivation}, {pruning.ranking} ranking'
  yield f'  pruning     {described or usual}; {len(events)} rankings'
  yield f'              {", ".join(f"{sparsity:.0%} at step {step}" for step, sparsity in listed)}'
  returning = ''.join(f'; pruned weights may return from step {first} to {last}' for first, last in schedule.reactivation)
  yield f'              every {schedule.frequency} steps{returning}'
  yield f'  tickets     at {", ".join(f"{sparsity:.0%}" for sparsity in pruning.sparsity)} sparsity'


def _time_lines(trainer: Trainer, plan: Plan, takes: float, epochs: float) -> Iterator[str]:
  """What so many epochs take, by some steps; `takes` is the memory of one, in bytes."""
  if takes > memory.machine() and not replicas.has_gpu():  # Of several workers, each of which takes its part.
    yield f'  time        not measured, since one process takes the whole batch here, about {takes / 1e9:.1f} GB'
    return
  first, seconds = _seconds(trainer, plan)
  steps = round(epochs * plan.steps_per_epoch)
  yield f'  time        {seconds * 1000:.0f} ms per step: about {wording.duration(seconds * steps)} without evaluation'
  looks = sum(plan.is_search_due(step) for step in range(1, plan.total_steps + 1))
  rebuilding = f' and after each of at most {looks} shrinks' if looks else ''
  yield f'              and about {wording.duration(first)} at the start{rebuilding}, to build the network'


def _seconds(trainer: Trainer, plan: Plan) -> tuple[float, float]:
  """(of the first step, which builds the training function; of one that follows)."""
  data = trainer.task.dataset('train', trainer.config.batch_size, training=True, seed=trainer.config.seed)
  images, targets = next(readable(data))
  started = time.monotonic()
  float(trainer.train(images, targets, plan.learning_rate(0), 0.0)[0])  # Which is there when the step has ended.
  first, times = time.monotonic() - started, []
  for _ in range(_TIMED_STEPS):
    started = time.monotonic()
    float(trainer.train(tf.identity(images), targets, plan.learning_rate(0), 0.0)[0])
    times.append(time.monotonic() - started)
  return first, statistics.median(times)


def _some(steps: list[int]) -> str:
  if len(steps) <= _SHOWN_EVENTS:
    return ', '.join(map(str, steps))
  return f'{steps[0]}, {steps[1]}, ... {steps[-1]}'

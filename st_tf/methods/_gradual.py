"""Gradual magnitude pruning as tfmot has it: its wrappers and its schedule, untouched, in this library's training loop."""

import dataclasses

from tensorflow_model_optimization.python.core.sparsity.keras.pruning_callbacks import UpdatePruningStep
from tensorflow_model_optimization.python.core.sparsity.keras.pruning_schedule import PolynomialDecay

from st_tf.config import Config, ConfigError
from st_tf.methods import _first_mask as first_mask
from st_tf.pruning.schedules.cubic import Cubic
from st_tf.runs.run import Run, train_to_the_end
from st_tf.runs.start import fresh, load_weights
from st_tf.runs.workdir import Workdir
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.training.plan import Plan, pruning_alone
from st_tf.training.scope import Scope
from st_tf.training.trainer import Trainer


def plan(config: Config, steps_per_epoch: int) -> Plan:
  """What happens when: masks by the cubic schedule, which tfmot calls `PolynomialDecay`.

  Raises:
    ConfigError: several sparsities, of which each needs a training of its own; what tfmot cannot do.
  """
  sparsity, planned = first_mask.sparsity(config), pruning_alone(config, steps_per_epoch)
  if planned.pruning is None:
    return planned
  if config.pruning.prune_depthwise:
    raise ConfigError('tfmot leaves depthwise convolutions as they are. Received: --prune_depthwise. Leave it out.')
  end, every = planned.pruning.end_step, planned.pruning.frequency
  # tfmot prunes at whole intervals after the first event, so that another first event would miss the last one.
  begin = end - (end - planned.pruning.begin_step) // every * every
  if begin == end:
    raise ConfigError(
      f'Gradual pruning takes several events. Received: one, at step {end}; an interval is {every} steps. Lower --prune_begin or'
      ' --prune_interval, or raise --prune_end or --epochs.'
    )
  return dataclasses.replace(planned, pruning=Cubic(sparsity, begin, end, every, ()))


def prune_gradually(task: Task, config: Config, workdir: Workdir, source: Ticket | None = None) -> Ticket:
  """The ticket of a training with gradual pruning, layer by layer (Zhu and Gupta, 2017).

  Args:
    task: what to train on.
    config: the run's settings.
    workdir: where it goes.
    source: a trained network to begin with; None = as the settings say.
  """
  planned = plan(config, task.steps_per_epoch(config.batch_size))
  wrapped = trainer(task, config, planned, source)

  def prepare(trainer: Trainer) -> None:
    load_weights(trainer) if source is None else trainer.give(source.weights)

  # To the loop this is training alone: the wrappers prune by themselves.
  run = Run(wrapped, dataclasses.replace(planned, pruning=None), workdir, prepare)
  train_to_the_end(run)
  return run.save_ticket(first_mask.sparsity(config))


def trainer(task: Task, config: Config, plan: Plan, source: Ticket | None = None) -> Trainer:
  """A trainer with its layers in tfmot's own wrappers, ready for its first step."""
  schedule = plan.pruning
  if schedule is not None:
    schedule = PolynomialDecay(0.0, schedule.target_sparsity, schedule.begin_step, schedule.end_step, frequency=schedule.frequency)
  # Averages are kept from the start: no soft threshold is there that they would have to follow. tfmot knows no floor for layers.
  config = dataclasses.replace(config, pruning=dataclasses.replace(config.pruning, reactivation='masked', layer_floor=0.0))
  wrapped = fresh(task, config, dataclasses.replace(plan, pruning=schedule), source, Scope(returning=False))
  callback = UpdatePruningStep()  # tfmot's own; here it sets the wrappers' counters to their start.
  callback.set_model(wrapped.model)
  callback.on_train_begin()
  return wrapped

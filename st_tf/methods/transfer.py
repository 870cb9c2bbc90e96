"""Puts a ticket's body on another task: its architecture, mask and weights stay, the head is new (SuperTickets, ECCV 2022, section 4).

For comparison the mask can be exchanged for a random one, the weights for fresh or for the run's first ones, or the mask left out.
"""

from collections.abc import Mapping
import dataclasses
from typing import Any

import numpy as np

from st_tf.arch import presets
from st_tf.arch.graph import Architecture, Graph
from st_tf.config import RANDOM, Config, ConfigError, PruningConfig
from st_tf.config.duration import share
from st_tf.methods._method import Method, one_training
from st_tf.models import build, named_variables
from st_tf.runs.run import Run, train_to_the_end
from st_tf.runs.start import check_fits, prunable_weights, source
from st_tf.runs.teaching import teacher
from st_tf.runs.workdir import Workdir
from st_tf.task import Task
from st_tf.ticket import Ticket, moving
from st_tf.training.descent import Part
from st_tf.training.plan import Plan, training_alone
from st_tf.training.scope import EVERYTHING, Scope
from st_tf.training.trainer import Trainer

_SPARSITY_DIGITS = 4
_OTHER_SEED = 10_007  # Added to the run's: by the same seed, fresh weights could be those the ticket's run began with.


def settled(task: Task, config: Config) -> Config:
  """The settings with the sparsity that the ticket's mask has on `task`.

  Raises:
    ConfigError: no ticket is given, or its first weights are wanted and unknown.
    TicketError: no ticket is there.
  """
  ticket = source(config)
  if config.transfer.rewind:
    moving.check_rewind(ticket)
  return dataclasses.replace(config, pruning=dataclasses.replace(config.pruning, sparsity=(_sparsity(config, ticket, task),)))


def plan(config: Config, steps_per_epoch: int) -> Plan:
  """What happens when: training alone under the ticket's mask, or with rankings at its sparsity (`--reactivate`).

  Args:
    config: as `settled`.
    steps_per_epoch: batches of an epoch.

  Raises:
    ConfigError: no ticket is given.
    TicketError: no ticket is there.
  """
  training = training_alone(config, steps_per_epoch)
  if config.transfer.control == 'dense_body' or not source(config).masks:
    return training
  if config.transfer.reactivate:
    search = dataclasses.replace(config.search, penalty=0.0, target_macs=0.0, target_latency_ms=0.0)
    pruning = dataclasses.replace(config.pruning, pruning_schedule='constant', prune_begin=share(0.0))
    return Plan.of(dataclasses.replace(config, search=search, pruning=pruning), steps_per_epoch)
  return training.holding(config.pruning.sparsity[-1])


def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """The ticket on its new task.

  Raises:
    ConfigError: settings that contradict each other.
  """
  ticket, config = source(config), settled(task, config)
  planned = plan(config, task.steps_per_epoch(config.batch_size))
  run = Run(_trainer(task, config, planned, ticket), planned, workdir, lambda trainer: _give_weights(trainer, ticket))
  train_to_the_end(run)
  return run.save_ticket(config.pruning.sparsity[-1])


def trainer(task: Task, config: Config, plan: Plan) -> Trainer:
  """The moved network under its mask, as yet without its weights."""
  return _trainer(task, config, plan, source(config))


def supernet(task: Task, ticket: Ticket, input_stride: int = 0) -> Architecture:
  """The supernet of the ticket's body for a task."""
  return _moved(ticket.supernet, task, ticket, input_stride)


def _moved(arch: Architecture, task: Task, ticket: Ticket, input_stride: int) -> Architecture:
  if not isinstance(arch, Graph):
    return moving.moved(arch, ticket.head, task.head, presets.supernet(task.default_supernet), input_stride)
  if input_stride:
    raise ConfigError(f'--input_stride is of presets. Received: {input_stride}, and a ticket of a trained network. Leave it out.')
  return moving.moved_graph(arch, ticket.head, task.head, task.image_size)


def _sparsity(config: Config, ticket: Ticket, task: Task) -> float:
  """Of the weights that stay prunable: a body that leaves pruned layers behind is pruned more or less than all of them were."""
  if config.transfer.control == 'dense_body':
    return 0.0
  masks = _of_body(ticket.masks, ticket, task)
  if config.transfer.reactivate or len(masks) == len(ticket.masks):
    return ticket.sparsity
  return round(1 - sum(int(mask.sum()) for mask in masks.values()) / sum(mask.size for mask in masks.values()), _SPARSITY_DIGITS)


def _trainer(task: Task, config: Config, plan: Plan, ticket: Ticket) -> Trainer:
  transfer, before, after = config.transfer, ticket.head, task.head
  if config.supernet:
    raise ConfigError(f'A ticket brings its own body. Received: --supernet={config.supernet}. Leave it out.')
  arch = _moved(ticket.arch, task, ticket, transfer.input_stride)
  masks = _masks(config, ticket, task) if plan.pruning and not transfer.reactivate else {}
  scope = Scope(
    prunable=None if transfer.reactivate else frozenset(masks),
    is_frozen=lambda name: transfer.freeze_body and moving.is_body(f'{name}/', before, after),
  )
  trainer = Trainer(arch, task, config, plan.pruning, scope=scope, teacher=teacher(task, config))
  survivors = trainer.survivors | {name: units for name, units in ticket.survivors.items() if moving.is_body(name, before, after)}
  whole = supernet(task, ticket, transfer.input_stride)
  prunable = _prunable_weights(whole, config, ticket, task) if plan.pruning else 0
  trainer.descend(Part(ticket, masks, config.pruning.sparsity[-1], whole, survivors, prunable))
  return trainer


def _prunable_weights(whole: Architecture, config: Config, ticket: Ticket, task: Task) -> int:
  """How many weights of a whole supernet may be pruned, by the settings of whoever prunes them."""
  pruning = config.pruning if config.transfer.reactivate else PruningConfig(**moving.pruned_layers(ticket, task.head))

  def stays_dense(layer: Any) -> bool:
    moves = config.transfer.reactivate or moving.is_body(f'{layer.name}/', ticket.head, task.head)
    return not moves or EVERYTHING.stays_dense(layer, pruning)

  return prunable_weights(whole, task.head, (*task.image_size, 3), stays_dense)


def _of_body(values: Mapping[str, np.ndarray], ticket: Ticket, task: Task) -> dict[str, np.ndarray]:
  return {name: value for name, value in values.items() if moving.is_body(name, ticket.head, task.head)}


def _masks(config: Config, ticket: Ticket, task: Task) -> dict[str, np.ndarray]:
  masks = _of_body(ticket.masks, ticket, task)
  return moving.shuffled(masks, config.seed) if config.transfer.control == 'random_mask' else masks


def _give_weights(trainer: Trainer, ticket: Ticket) -> None:
  """Gives the body the weights it begins with; pruned ones are zero."""
  mask = trainer.mask if trainer.final else {}
  body = _of_body(_weights(trainer, ticket), ticket, trainer.task)
  check_fits(body, trainer)
  trainer.give({name: value * mask.get(name, True) for name, value in body.items()})


def _weights(trainer: Trainer, ticket: Ticket) -> Mapping[str, np.ndarray]:
  transfer = trainer.config.transfer
  if transfer.control in RANDOM:
    shape = (*trainer.task.image_size, 3)
    deviation = trainer.config.training.initial_deviation
    fresh = build(trainer.arch, trainer.task.head, shape, seed=trainer.config.seed + _OTHER_SEED, deviation=deviation)
    return {name: variable.numpy() for name, variable in named_variables(fresh).items()}
  return moving.first_values(ticket) if transfer.rewind else ticket.weights


METHOD = Method(plan=plan, draw=draw, trainings=one_training, reads=(), is_compared=False, settled=settled, trainer=trainer)

"""Trains a ticket further: its architecture and its mask stay as they are, on this task or on one with the same outputs."""

import dataclasses

from st_tf.config import Config
from st_tf.methods._method import Method, one_training
from st_tf.runs.run import Run, train_to_the_end
from st_tf.runs.start import fresh, source
from st_tf.runs.workdir import Workdir
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.training.plan import Plan, training_alone
from st_tf.training.scope import EVERYTHING, Scope
from st_tf.training.trainer import Trainer


def plan(config: Config, steps_per_epoch: int) -> Plan:
  """What happens when: training alone, under wrappers that hold the mask. `--sparsity` is the ticket's.

  Raises:
    ConfigError: no ticket is given.
    TicketError: no ticket is there.
  """
  return _plan(config, steps_per_epoch, source(config))


def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """The ticket as it is after further training.

  Raises:
    RankingError: the ticket's mask does not fit the task's outputs.
  """
  ticket = source(config)
  config = dataclasses.replace(config, pruning=dataclasses.replace(config.pruning, sparsity=(ticket.sparsity,)))
  plan = _plan(config, task.steps_per_epoch(config.batch_size), ticket)
  run = Run(_trainer(task, config, plan, ticket), plan, workdir)
  train_to_the_end(run)
  return run.save_ticket(ticket.sparsity)


def trainer(task: Task, config: Config, plan: Plan) -> Trainer:
  """The ticket's network under its mask, as yet without its weights.

  Raises:
    RankingError: the ticket's mask does not fit the task's outputs.
  """
  return _trainer(task, config, plan, source(config))


def _trainer(task: Task, config: Config, plan: Plan, ticket: Ticket) -> Trainer:
  # What is pruned is what the mask covers: a ticket that has moved has a head without one, whatever its settings say.
  return fresh(task, config, plan, ticket, Scope(prunable=frozenset(ticket.masks)) if ticket.masks else EVERYTHING)


def _plan(config: Config, steps_per_epoch: int, ticket: Ticket) -> Plan:
  training = training_alone(config, steps_per_epoch)
  return training.holding(ticket.sparsity) if ticket.masks else training


METHOD = Method(plan=plan, draw=draw, trainings=one_training, reads=(), is_compared=False, trainer=trainer)

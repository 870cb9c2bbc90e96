"""Trains a ticket further: its architecture and its mask stay as they are, on this task or on one with the same outputs."""

import dataclasses

from st_tf.config import Config, ConfigError
from st_tf.plan import Plan
from st_tf.pruning import Mask
from st_tf.pruning.schedules import Constant
from st_tf.stages import begin
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.workdir import Workdir


def plan(config: Config, steps_per_epoch: int) -> Plan:
  """What happens when: training alone, under wrappers that hold the mask.

  Raises:
    ConfigError: no ticket is given.
    TicketError: no ticket is there.
  """
  if not config.init_from:
    raise ConfigError('--method=fine_tune trains a ticket. Received: no --init_from. Write --init_from=FOLDER.')
  sparsity = Ticket.load(config.init_from).sparsity
  search = dataclasses.replace(config.search, penalty=0.0, target_macs=0.0, target_latency_ms=0.0, cost='macs')
  pruning = dataclasses.replace(config.pruning, sparsity=(0.0,))
  found = Plan.of(dataclasses.replace(config, search=search, pruning=pruning), steps_per_epoch)
  never = found.total_steps + 1
  return dataclasses.replace(found, pruning=Constant(sparsity, never, never, 1)) if sparsity else found


def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """The ticket as it is after further training.

  Raises:
    ConfigError: the ticket's mask covers other layers than these settings prune.
  """
  ticket = Ticket.load(config.init_from)
  run = begin(task, config, plan(config, task.steps_per_epoch(config.batch_size)), workdir)
  if not run.trainer.final:
    run.trainer.keep_mask(Mask(ticket.masks))
  for epoch in run.epochs():
    for images, targets in run.batches(epoch):
      run.step(images, targets)
    run.end_epoch(epoch)
  return run.save_ticket(ticket.sparsity)

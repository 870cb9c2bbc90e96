"""The supernet trained as it is: neither searched nor pruned."""

import dataclasses

from st_tf.config import Config
from st_tf.plan import Plan
from st_tf.stages import begin
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.workdir import Workdir


def plan(config: Config, steps_per_epoch: int) -> Plan:
  """What happens when: training alone."""
  search = dataclasses.replace(config.search, penalty=0.0, target_macs=0.0, target_latency_ms=0.0, cost='macs')
  pruning = dataclasses.replace(config.pruning, sparsity=(0.0,))
  return Plan.of(dataclasses.replace(config, search=search, pruning=pruning), steps_per_epoch)


def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """A ticket that keeps everything."""
  run = begin(task, config, plan(config, task.steps_per_epoch(config.batch_size)), workdir)
  for epoch in run.epochs():
    for images, targets in run.batches(epoch):
      run.step(images, targets)
    run.end_epoch(epoch)
  return run.save_ticket(0.0)

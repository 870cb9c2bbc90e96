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
  return dataclasses.replace(Plan.of(config, steps_per_epoch), search_every=0, search_end=0, pruning=None)


def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """A ticket that keeps everything."""
  run = begin(task, config, plan(config, task.steps_per_epoch(config.batch_size)), workdir)
  for epoch in run.epochs():
    for images, targets in run.batches(epoch):
      run.step(images, targets)
    run.end_epoch(epoch)
  return run.save_ticket(0.0)

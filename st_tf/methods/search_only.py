"""The searched network with all its weights: the first stage of pipelines that search, then prune."""

import dataclasses

from st_tf.config import Config
from st_tf.plan import Plan
from st_tf.stages import begin, train_to_the_end
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.workdir import Workdir


def plan(config: Config, steps_per_epoch: int) -> Plan:
  """What happens when: as in two-in-one training, without its pruning."""
  return Plan.of(dataclasses.replace(config, pruning=dataclasses.replace(config.pruning, sparsity=(0.0,))), steps_per_epoch)


def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """A ticket of the searched network that keeps everything."""
  run = begin(task, config, plan(config, task.steps_per_epoch(config.batch_size)), workdir)
  train_to_the_end(run)
  return run.save_ticket(0.0)

"""Two-in-one training: architecture and ticket from one run of the supernet (SuperTickets, ECCV 2022, section 3)."""

from st_tf.config import PRUNING_SETTINGS, SEARCH_SETTINGS, Config
from st_tf.runs.run import begin, train_to_the_end
from st_tf.runs.workdir import Workdir
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.training.plan import Plan

READS = (*SEARCH_SETTINGS, *PRUNING_SETTINGS)


def plan(config: Config, steps_per_epoch: int) -> Plan:
  """What happens when."""
  return Plan.of(config, steps_per_epoch)


def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """The ticket of the highest sparsity; those of the lower ones are in the workdir too."""
  run = begin(task, config, plan(config, task.steps_per_epoch(config.batch_size)), workdir)
  train_to_the_end(run)
  return run.save_ticket(max(config.pruning.sparsity))

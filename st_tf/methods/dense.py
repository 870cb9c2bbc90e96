"""The supernet trained as it is: neither searched nor pruned."""

from st_tf.config import Config
from st_tf.plan import Plan, training_alone
from st_tf.stages import begin, train_to_the_end
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.workdir import Workdir


def plan(config: Config, steps_per_epoch: int) -> Plan:
  """What happens when: training alone."""
  return training_alone(config, steps_per_epoch)


def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """A ticket that keeps everything."""
  run = begin(task, config, plan(config, task.steps_per_epoch(config.batch_size)), workdir)
  train_to_the_end(run)
  return run.save_ticket(0.0)

"""Two-in-one training: architecture and ticket from one run of the supernet (SuperTickets, ECCV 2022, section 3)."""

from st_tf.config import Config
from st_tf.plan import Plan
from st_tf.stages import begin
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.workdir import Workdir


def plan(config: Config, steps_per_epoch: int) -> Plan:
  """What happens when."""
  return Plan.of(config, steps_per_epoch)


def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """The ticket of the highest sparsity; those of the lower ones are in the workdir too."""
  run = begin(task, config, plan(config, task.steps_per_epoch(config.batch_size)), workdir)
  for epoch in run.epochs():
    for images, targets in run.batches(epoch):
      run.step(images, targets)
      run.search()  # Dead units go physically; masks, slots and averages follow.
      run.prune()  # One ranking over the whole network; pruned weights may return.
    run.end_epoch(epoch)
  return run.save_ticket(max(config.pruning.sparsity))

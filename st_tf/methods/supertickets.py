"""Two-in-one training: architecture and ticket from one run of the supernet (SuperTickets, ECCV 2022, section 3)."""

from st_tf.config import PRUNING_SETTINGS, SEARCH_SETTINGS, Config
from st_tf.methods._method import Method, one_searching_training
from st_tf.runs.run import begin
from st_tf.runs.workdir import Workdir
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.training.plan import Plan


def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """The ticket of the highest sparsity; those of the lower ones are in the workdir too."""
  run = begin(task, config, plan(config, task.steps_per_epoch(config.batch_size)), workdir)
  for epoch in run.epochs():
    for images, targets in run.batches(epoch):
      run.step(images, targets)
      run.search()  # Dead units go physically; masks, slots and averages follow.
      run.prune()  # All weights are ranked anew; pruned ones may return.
    run.end_epoch(epoch)
  return run.save_ticket(max(config.pruning.sparsity))


def plan(config: Config, steps_per_epoch: int) -> Plan:
  """What happens when."""
  return Plan.of(config, steps_per_epoch)


METHOD = Method(plan=plan, draw=draw, reads=(*SEARCH_SETTINGS, *PRUNING_SETTINGS), trainings=one_searching_training)

"""Search first, then prune once, then retrain what is left: S+P with retraining (SuperTickets, ECCV 2022, section 4)."""

from st_tf.config import Config
from st_tf.pipeline import Pipeline, retrain_epochs
from st_tf.plan import searching_alone
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.workdir import Workdir

plan = searching_alone  # Of the first stage.


def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """The ticket of the highest sparsity; each has a retraining of its own."""
  pipeline = Pipeline(task, config, workdir)
  searched = pipeline.searched()
  return pipeline.keep(pipeline.retrained(pipeline.pruned(searched, sparsity)) for sparsity in config.pruning.sparsity)


def trainings(config: Config) -> list[tuple[str, float]]:
  """The run's trainings and their epochs."""
  return [('search', config.epochs), *(('retrain', retrain_epochs(config)) for _ in config.pruning.sparsity)]

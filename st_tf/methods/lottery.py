"""A winning ticket of the supernet by iterative magnitude pruning with rewinding (Frankle et al., ICML 2020)."""

from st_tf.config import Config
from st_tf.pipeline import Pipeline, rounds
from st_tf.plan import training_alone
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.workdir import Workdir

plan = training_alone  # Of the first stage.


def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """The ticket of the highest sparsity."""
  pipeline = Pipeline(task, config, workdir)
  return pipeline.keep(pipeline.lottery(pipeline.trained()))


def trainings(config: Config) -> list[tuple[str, float]]:
  """The run's trainings and their epochs."""
  return [('train', config.epochs), *rounds(config)]

"""Search first, then prune once, without retraining: S+P (SuperTickets, ECCV 2022, section 4)."""

from st_tf.config import PRUNED_LAYERS, SEARCH_SETTINGS, Config
from st_tf.methods._method import SEARCHING, Method, Training
from st_tf.methods._pipeline import Pipeline
from st_tf.runs.workdir import Workdir
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.training.plan import searching_alone


def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """The ticket of the highest sparsity; each is pruned from the searched network at once."""
  pipeline = Pipeline(task, config, workdir)
  searched = pipeline.searched()
  return pipeline.keep(pipeline.pruned(searched, sparsity) for sparsity in config.pruning.sparsity)


def trainings(config: Config) -> list[Training]:
  """The search alone; pruning trains nothing."""
  return [Training('search', config.epochs, SEARCHING)]


METHOD = Method(
  plan=searching_alone,
  draw=draw,
  reads=(*SEARCH_SETTINGS, *PRUNED_LAYERS, 'ranking', 'layer_floor', 'rewind_to'),
  trainings=trainings,
  first='search_only',
)

"""Search first, then prune once, then retrain what is left: S+P with retraining (SuperTickets, ECCV 2022, section 4)."""

from st_tf import wording
from st_tf.config import PRUNED_LAYERS, SEARCH_SETTINGS, Config
from st_tf.methods._method import SEARCHED, SEARCHING, Method, Training
from st_tf.methods._pipeline import Pipeline, check_retraining, retrain_epochs, unrounded
from st_tf.runs.workdir import Workdir
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.training.plan import Plan, searching_alone


def plan(config: Config, steps_per_epoch: int) -> Plan:
  """What happens when in the first stage.

  Raises:
    ConfigError: settings that a later one cannot have.
  """
  check_retraining(config)
  return searching_alone(unrounded(config), steps_per_epoch)


def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """The ticket of the highest sparsity; each has a retraining of its own."""
  plan(config, task.steps_per_epoch(config.batch_size))
  pipeline = Pipeline(task, config, workdir)
  searched = pipeline.searched()
  return pipeline.keep(pipeline.retrained(pipeline.pruned(searched, sparsity)) for sparsity in config.pruning.sparsity)


def trainings(config: Config) -> list[Training]:
  """The search, and a retraining per sparsity."""
  return [
    Training('search', config.epochs, SEARCHING),
    *(Training(f'retrain at {wording.sparsity(level)}', retrain_epochs(config), SEARCHED) for level in config.pruning.sparsity),
  ]


METHOD = Method(
  plan=plan,
  draw=draw,
  reads=(*SEARCH_SETTINGS, *PRUNED_LAYERS, 'ranking', 'layer_floor', 'rewind_to', 'retrain_epochs'),
  trainings=trainings,
  first='search_only',
)

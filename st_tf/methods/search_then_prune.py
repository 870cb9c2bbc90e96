"""Search first, then prune once, without retraining: S+P (SuperTickets, ECCV 2022, section 4)."""

from st_tf.config import PRUNED_LAYERS, SEARCH_SETTINGS, Config, ConfigError
from st_tf.methods._method import SEARCHING, Method, Training
from st_tf.methods._pipeline import Pipeline
from st_tf.runs.workdir import Workdir
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.training.plan import Plan, searching_alone


def plan(config: Config, steps_per_epoch: int) -> Plan:
  """What happens when in the search.

  Raises:
    ConfigError: rounding is asked for, which belongs to a training under the final mask.
  """
  quantize = config.training.quantize
  if quantize:
    raise ConfigError(
      f'Weights are rounded when the mask is final, and search_then_prune trains nothing then. Received: --quantize={quantize}. Leave it'
      ' out, or write --method=search_prune_retrain.'
    )
  return searching_alone(config, steps_per_epoch)


def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """The ticket of the highest sparsity; each is pruned from the searched network at once."""
  plan(config, task.steps_per_epoch(config.batch_size))
  pipeline = Pipeline(task, config, workdir)
  searched = pipeline.searched()
  return pipeline.keep(pipeline.pruned(searched, sparsity) for sparsity in config.pruning.sparsity)


def trainings(config: Config) -> list[Training]:
  """The search alone; pruning trains nothing."""
  return [Training('search', config.epochs, SEARCHING)]


METHOD = Method(
  plan=plan,
  draw=draw,
  reads=(*SEARCH_SETTINGS, *PRUNED_LAYERS, 'ranking', 'layer_floor', 'rewind_to'),
  trainings=trainings,
  first='search_only',
)

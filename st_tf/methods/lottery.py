"""A winning ticket of the supernet by iterative magnitude pruning with rewinding (Frankle et al., ICML 2020)."""

from st_tf.config import PRUNED_LAYERS, Config
from st_tf.methods._pipeline import Pipeline, check_retraining, check_rewinding, rounds
from st_tf.runs.workdir import Workdir
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.training.plan import Plan, training_alone

READS = (*PRUNED_LAYERS, 'ranking', 'layer_floor', 'rewind_to', 'retrain_epochs', 'prune_rounds')
PUBLISHED = {'ranking': 'global'}


def plan(config: Config, steps_per_epoch: int) -> Plan:
  """What happens when in the first stage.

  Raises:
    ConfigError: settings that a later one cannot have.
  """
  check_retraining(config)
  found = training_alone(config, steps_per_epoch)
  check_rewinding(config, found)
  return found


def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """The ticket of the highest sparsity."""
  plan(config, task.steps_per_epoch(config.batch_size))
  pipeline = Pipeline(task, config, workdir)
  return pipeline.keep(pipeline.lottery(pipeline.trained()))


def trainings(config: Config) -> list[tuple[str, float]]:
  """The run's trainings and their epochs."""
  return [('train', config.epochs), *rounds(config)]

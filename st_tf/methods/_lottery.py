"""What the ways to winning tickets share: after a first training, rounds of pruning and training from its early weights on."""

from st_tf.config import PRUNED_LAYERS, SEARCH_SETTINGS, Config
from st_tf.methods._method import SEARCHED, SEARCHING, WHOLE, Method, Training
from st_tf.methods._pipeline import Pipeline, check_retraining, check_rewinding, rounds, unrounded
from st_tf.runs.workdir import Workdir
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.training.plan import Plan, searching_alone, training_alone

_READS = (*PRUNED_LAYERS, 'ranking', 'layer_floor', 'rewind_to', 'retrain_epochs', 'prune_rounds')


def lottery(searches: bool) -> Method:
  """Winning tickets of the whole supernet, or with `searches` of the network that a search has left."""

  def plan(config: Config, steps_per_epoch: int) -> Plan:
    check_retraining(config)
    config = unrounded(config)
    first = searching_alone(config, steps_per_epoch) if searches else training_alone(config, steps_per_epoch)
    check_rewinding(config, first)
    return first

  def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
    plan(config, task.steps_per_epoch(config.batch_size))
    pipeline = Pipeline(task, config, workdir)
    return pipeline.keep(pipeline.lottery(pipeline.searched() if searches else pipeline.trained()))

  def trainings(config: Config) -> list[Training]:
    first = Training('search', config.epochs, SEARCHING) if searches else Training('train', config.epochs)
    return [first, *(Training(name, epochs, SEARCHED if searches else WHOLE) for name, epochs in rounds(config))]

  return Method(
    plan=plan,
    draw=draw,
    reads=(*SEARCH_SETTINGS, *_READS) if searches else _READS,
    trainings=trainings,
    first='search_only' if searches else 'dense',
    published={'ranking': 'global'},
  )

"""Whether the supernet can be as sparse, and as small, as the runs of a comparison ask for: told before the first is trained."""

from collections.abc import Iterable
import dataclasses

from st_tf import methods
from st_tf.arch.graph import Graph
from st_tf.comparing.entries import ranking, reads
from st_tf.config import PRUNED_LAYERS, Config
from st_tf.pruning.fit import ranked
from st_tf.runs.start import load_weights, supernet
from st_tf.runs.target import check_target
from st_tf.task import Task
from st_tf.training.plan import training_alone
from st_tf.training.trainer import Trainer


def check(configs: Iterable[Config], task: Task) -> None:
  """Asks each method once what it would do, and builds each network once that the runs' checks need, which takes seconds.

  Args:
    configs: of the runs.
    task: what they train on.

  Raises:
    RankingError: the floors of a method's layers do not allow its highest sparsity.
    ConfigError: no network of the supernet meets a target.
    UserError: a method cannot do what is asked of it.
  """
  trainers: dict[tuple, Trainer] = {}
  checked = set()
  for config in sorted(configs, key=lambda config: -max(config.pruning.sparsity)):  # What the highest sparsity allows, the others do.
    method = methods.named(config.method)
    own = (config.method, config.supernet, config.search, config.evolution, config.tuner, config.epochs, config.elastic)
    if own not in checked:
      tuple(method.tells(task, config))
    checked.add(own)
    if method.has_networks:
      continue
    read = reads(config.method)
    has_floors = 'layer_floor' in read and max(config.pruning.sparsity) > 0
    has_target = 'target_macs' in read and config.search.has_target
    how = config.pruning
    layers = (config.supernet, config.search, *(getattr(how, name) for name in PRUNED_LAYERS))
    wanted = (*layers, has_floors and (ranking(config), how.layer_floor), has_target)
    if wanted in checked or not (has_floors or has_target):
      continue
    checked.add(wanted)
    if layers not in trainers:
      trainers[layers] = _untrained(config, task)
    trainer = trainers[layers]
    if has_floors:
      ranked(trainer.model, trainer.network.magnitudes(), max(how.sparsity), ranking(config), how.layer_floor)
    if has_target:
      check_target(trainer)


def _untrained(config: Config, task: Task) -> Trainer:
  config = dataclasses.replace(config, pruning=dataclasses.replace(config.pruning, reactivation='masked'))
  schedule = training_alone(config, task.steps_per_epoch(config.batch_size)).holding(max(config.pruning.sparsity)).pruning
  arch = supernet(config.supernet, task, config)
  is_graph = isinstance(arch, Graph)
  trainer = Trainer(arch, task, config, schedule, searching=not is_graph, priced=is_graph)
  if is_graph:
    load_weights(trainer)  # Units whose readers have no weights yet are not removed.
  return trainer

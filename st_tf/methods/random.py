"""Pruning at initialisation by chance: what every score must beat."""

from st_tf.config import PRUNED_LAYERS, Config
from st_tf.methods import _first_mask as first_mask
from st_tf.methods._method import Method, one_training
from st_tf.pruning import Mask, saliency
from st_tf.pruning.fit import ranked
from st_tf.runs.workdir import Workdir
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.training.trainer import Trainer


def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """A ticket of the supernet; each layer keeps its share by `--ranking`, or under 'global' what chance leaves it."""
  return first_mask.draw(task, config, workdir, _mask)


def _mask(trainer: Trainer) -> Mask:
  scores = saliency.random(first_mask.weights(trainer), trainer.config.seed)
  how = trainer.config.pruning
  return ranked(trainer.model, scores, first_mask.sparsity(trainer.config), how.ranking, how.layer_floor)


METHOD = Method(plan=first_mask.plan, draw=draw, trainings=one_training, reads=(*PRUNED_LAYERS, 'ranking', 'layer_floor'))

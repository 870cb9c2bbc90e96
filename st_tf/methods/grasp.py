"""Pruning at initialisation by what keeps the gradient flowing, w * Hg (GraSP: Wang et al., ICLR 2020)."""

from st_tf.config import PRUNED_LAYERS, Config
from st_tf.methods import _first_mask as first_mask
from st_tf.methods._method import Method, one_training
from st_tf.pruning import Mask, rank, saliency
from st_tf.runs.workdir import Workdir
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.training.trainer import Trainer

_TEMPERATURE = 200.0  # Of logits, in the published code.
_GRADIENTS = 3  # The gradient, and once more with its own gradient for Hg.


def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """A ticket of the supernet: one global ranking, as published, in which each layer keeps one weight at least."""
  return first_mask.draw(task, config, workdir, _mask)


def _mask(trainer: Trainer) -> Mask:
  with first_mask.first_batches(trainer, _TEMPERATURE, _GRADIENTS) as (loss, batches):
    return rank(saliency.grasp(first_mask.weights(trainer), loss, batches), first_mask.sparsity(trainer.config))


METHOD = Method(plan=first_mask.plan_by_gradients, draw=draw, trainings=one_training, reads=PRUNED_LAYERS)

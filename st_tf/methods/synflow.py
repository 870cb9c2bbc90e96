"""Pruning at initialisation by synaptic flow, in 100 rounds and without data (SynFlow: Tanaka et al., NeurIPS 2020)."""

from st_tf.config import PRUNED_LAYERS, Config
from st_tf.methods import _first_mask as first_mask
from st_tf.methods._method import Method, one_training
from st_tf.methods._positive_flow import positive_flow
from st_tf.pruning import Mask, saliency
from st_tf.runs.workdir import Workdir
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.training.meter import STEP_PASSES
from st_tf.training.trainer import Trainer


def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """A ticket of the supernet: global rankings, as published, in which each layer keeps one weight at least."""
  return first_mask.draw(task, config, workdir, _mask)


def _mask(trainer: Trainer) -> Mask:
  trainer.meter.count(0, saliency.SYNFLOW_ROUNDS * STEP_PASSES * trainer.macs)
  return saliency.synflow(*positive_flow(trainer), first_mask.sparsity(trainer.config))


METHOD = Method(plan=first_mask.plan, draw=draw, trainings=one_training, reads=PRUNED_LAYERS)

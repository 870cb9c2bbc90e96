"""Cuts the ticket out of a run as it stands."""

from typing import Any

import numpy as np

from st_tf.models import cost
from st_tf.pruning.wrapper import effective_values
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.training.trainer import Trainer


def cut(trainer: Trainer, batches: Any, sparsity: float, provenance: dict[str, Any]) -> Ticket:
  """The ticket of the network as it stands: the weights that are evaluated, under the masks as they are.

  Args:
    trainer: the run; it is left as it was.
    batches: training images to recalibrate batch norms with.
    sparsity: what was asked for.
    provenance: where the ticket comes from.
  """
  with trainer.evaluated(batches):
    validation = trainer.scores('validation').result()
    weights = trainer.values() | effective_values(trainer.model)
  masks = dict(trainer.mask)
  for name, kept in masks.items():
    # A kept weight that happens to be zero would count as one pruned too many.
    value = np.where(kept & (weights[name] == 0), np.finfo(np.float32).tiny, weights[name])
    weights[name] = np.where(kept, value, 0).astype(np.float32)
  return Ticket(
    arch=trainer.arch,
    supernet=trainer.supernet,
    head=trainer.task.head,
    input_shape=(*trainer.task.image_size, 3),
    weights=weights,
    masks=masks,
    survivors=trainer.survivors,
    task=_described(trainer.task),
    sparsity=sparsity,
    metrics={'validation': validation},
    cost=_costs(trainer),
    provenance=provenance,
  )


def _costs(trainer: Trainer) -> dict[str, int]:
  mask = trainer.mask
  found = cost.of(trainer.model, mask)
  initial = trainer.initial
  return {
    'params': found.params,
    'macs': found.macs,
    'nonzero_params': found.nonzero_params,
    'nonzero_macs': found.nonzero_macs,
    'prunable': mask.size,
    'zeros': mask.zeros,
    'supernet_params': initial['params'],
    'supernet_macs': initial['macs'],
    'supernet_prunable': initial['prunable'],
    'supernet_zeros': initial['prunable'] - mask.size + mask.zeros,
  }


def _described(task: Task) -> dict[str, Any]:
  return {
    'name': task.name,
    'labels': list(task.labels),
    'mean': list(task.mean),
    'deviation': list(task.deviation),
    'primary_metric': task.primary_metric,
    'image_size': list(task.image_size),
    'keep': task.keep,
    'semantics': dict(task.semantics),
  }

"""Cuts the ticket out of a run as it stands, and says where it comes from."""

import importlib.metadata
import time
from typing import Any

import numpy as np

import st_tf
from st_tf.models import cost
from st_tf.pruning.wrapper import effective_values
from st_tf.search.factors import unscaled
from st_tf.task import Task, confidence
from st_tf.ticket import Costs, Provenance, TaskFacts, Ticket
from st_tf.training.trainer import Trainer

_PACKAGES = ('tensorflow', 'tf-keras', 'tensorflow-model-optimization', 'numpy')


def cut(trainer: Trainer, batches: Any, sparsity: float, provenance: Provenance) -> Ticket:
  """The ticket of the network as it stands: the weights that are evaluated, under the masks as they are.

  Args:
    trainer: the run; it is left as it was.
    batches: training images to recalibrate batch norms with.
    sparsity: what was asked for.
    provenance: where the ticket comes from.
  """
  with trainer.evaluated(batches):
    scores = trainer.scores('validation')
    validation, sure = scores.result(), scores.interval(trainer.task.pictures('validation'))
    weights = trainer.network.folded(trainer.values() | effective_values(trainer.model))
  masks = dict(trainer.mask)
  for name, kept in masks.items():
    # A kept weight that happens to be zero would count as one pruned too many.
    value = np.where(kept & (weights[name] == 0), np.finfo(np.float32).tiny, weights[name])
    weights[name] = np.where(kept, value, 0).astype(np.float32)
  return Ticket(
    arch=unscaled(trainer.arch),
    supernet=trainer.supernet,
    head=trainer.task.head,
    input_shape=(*trainer.task.image_size, 3),
    weights=weights,
    masks=masks,
    survivors=trainer.survivors,
    task=_described(trainer.task),
    sparsity=sparsity,
    metrics={'validation': validation} | ({confidence.INTERVALS: {'validation': confidence.written(sure)}} if sure else {}),
    cost=_costs(trainer),
    provenance=provenance,
  )


def origin(trainer: Trainer, command: str, seconds: float, trimmed: int = 0) -> Provenance:
  """The provenance of a ticket: method, settings, command, versions, and what its training has cost.

  Args:
    trainer: of its network.
    command: that made it.
    seconds: that the training took.
    trimmed: units that had to go at the end of the search to meet its target.
  """
  table = trainer.cost_model.table
  return Provenance(
    method=trainer.config.method,
    config=trainer.config.flat(),
    command=command,
    versions={'st_tf': st_tf.__version__} | {name: importlib.metadata.version(name) for name in _PACKAGES},
    finished=time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime()),
    seconds=seconds,
    training=trainer.meter.total(seconds),
    steps=trainer.step,
    examples=dict(trainer.task.sizes),
    splits=dict(trainer.task.origins),
    source=trainer.source,
    latency=None if table is None else {'milliseconds': trainer.price(), 'table': dict(table.settings)},
    trimmed=trimmed,
  )


def _costs(trainer: Trainer) -> Costs:
  mask = trainer.mask
  found = cost.of(trainer.model, mask)
  initial = trainer.initial
  return Costs(
    params=found.params,
    macs=found.macs,
    nonzero_params=found.nonzero_params,
    nonzero_macs=found.nonzero_macs,
    prunable=mask.size,
    zeros=mask.zeros,
    supernet_params=initial['params'],
    supernet_macs=initial['macs'],
    supernet_prunable=initial['prunable'],
    supernet_zeros=initial['prunable'] - mask.size + mask.zeros,
  )


def _described(task: Task) -> TaskFacts:
  return TaskFacts(
    name=task.name,
    labels=tuple(task.labels),
    mean=tuple(task.mean),
    deviation=tuple(task.deviation),
    primary_metric=task.primary_metric,
    image_size=tuple(task.image_size),
    keep=task.keep,
    semantics=dict(task.semantics),
  )

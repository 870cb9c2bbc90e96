"""What a run starts as: its network, and the weights that `--init_from` gives it."""

from collections.abc import Callable, Mapping, Sequence
import pathlib
from typing import Any

import numpy as np

from st_tf.arch import presets
from st_tf.arch.specs import ArchSpec, HeadSpec
from st_tf.config import Config, ConfigError
from st_tf.models import build, cost
from st_tf.models.high_resolution import CLASSIFIER
from st_tf.models.reference import load_reference, read_tensors
from st_tf.pruning import Mask
from st_tf.pruning.fit import hold_mask
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.training.meter import TrainingCost
from st_tf.training.plan import Plan
from st_tf.training.scope import EVERYTHING, Scope
from st_tf.training.trainer import Trainer


def network(task: Task, config: Config) -> ArchSpec:
  """The network to train: the ticket's that the run starts from, else the chosen supernet, else the task's default.

  Raises:
    ConfigError: both a ticket and a supernet are given.
    TicketError: no ticket is there.
  """
  if not _is_ticket(config):
    return presets.supernet(config.supernet or task.default_supernet)
  arch = Ticket.load(config.init_from).arch
  if config.supernet:
    raise ConfigError(
      f'A ticket brings its own architecture. Received: --init_from={config.init_from} and --supernet={config.supernet}.'
      ' Leave out --supernet.'
    )
  return arch


def fresh(task: Task, config: Config, plan: Plan, source: Ticket | None = None, scope: Scope = EVERYTHING) -> Trainer:
  """A trainer of the configured network that has trained nothing yet; with `source`, of that ticket, under its mask.

  Args:
    task: what to train on.
    config: the run's settings.
    plan: what happens when.
    source: a ticket to go on with.
    scope: what is pruned, and how.

  Raises:
    UserError: there is no such network, or the mask covers other weights than these settings prune.
  """
  arch = network(task, config) if source is None or config.init_from else source.arch
  trainer = Trainer(arch, task, config, plan.pruning, searching=plan.search_every > 0, scope=scope)
  if source is not None:
    descend(trainer, source, source.masks, source.supernet, source.survivors)
  return trainer


def descend(
  trainer: Trainer, ticket: Ticket, masks: Mapping[str, np.ndarray], supernet: ArchSpec, survivors: Mapping[str, Sequence[int]]
) -> None:
  """Makes a fresh trainer one of a part of what `ticket` is.

  Args:
    trainer: of the part.
    ticket: the whole.
    masks: what is kept from now on; empty = everything.
    supernet: what the network is a part of.
    survivors: original indices of the supernet's units that are left, by group name.

  Raises:
    RankingError: the masks cover other weights than are pruned here.
  """
  if masks:
    hold_mask(trainer.model, Mask(masks))
    trainer.requested, trainer.final = ticket.sparsity, True
  trainer.supernet, trainer.source = supernet, ticket.fingerprint
  trainer.meter.before = TrainingCost.of(ticket.provenance)
  trainer.survivors = {name: list(units) for name, units in survivors.items()}
  trainer.initial = {name: ticket.cost[f'supernet_{name}'] for name in trainer.initial}
  shape, head = (*trainer.task.image_size, 3), trainer.task.head
  if (shape, head, supernet) != (tuple(ticket.input_shape), ticket.head, ticket.supernet):
    found = cost.of(build(supernet, head, shape))
    trainer.initial |= {'params': found.params, 'macs': found.macs}


def source(config: Config) -> Ticket:
  """The ticket that `--init_from` names.

  Raises:
    ConfigError: it names none.
    TicketError: no ticket is there.
  """
  if not config.init_from:
    raise ConfigError(f'--method={config.method} trains a ticket. Received: no --init_from. Write --init_from=FOLDER.')
  return Ticket.load(config.init_from)


def load_weights(trainer: Trainer) -> None:
  """Gives a fresh trainer the weights of `--init_from`, if there is one.

  A ticket's final layer is taken over only where the outputs are as many; else it stays as initialised.

  Raises:
    UserError: the file or folder is no source of weights, or does not fit the network.
  """
  config = trainer.config
  if not config.init_from:
    return
  if _is_ticket(config):
    ticket = Ticket.load(config.init_from)
    weights, trainer.meter.before = ticket.weights, TrainingCost.of(ticket.provenance)
    for name, variable in trainer.variables.items():
      if weights[name].shape == tuple(variable.shape):
        variable.assign(weights[name])
      elif not name.startswith(f'{CLASSIFIER}/'):
        raise ConfigError(f'Weights fit the network. Received: {name} of {weights[name].shape}, not {tuple(variable.shape)}.')
  else:
    load_reference(trainer.model, trainer.arch, trainer.task.head, read_tensors(config.init_from))
  trainer.restart_averages()


def give(trainer: Trainer, weights: Mapping[str, np.ndarray]) -> None:
  """Gives a fresh trainer all its weights."""
  for name, variable in trainer.variables.items():
    variable.assign(weights[name])
  trainer.restart_averages()


def prunable_weights(arch: ArchSpec, head: HeadSpec, shape: tuple[int, int, int], stays_dense: Callable[[Any], bool]) -> int:
  """How many weights of a network may be pruned.

  Args:
    arch: the network.
    head: its head.
    shape: of an image.
    stays_dense: whether no weight of a layer is pruned.
  """
  layers = []
  build(arch, head, shape, wrap=lambda layer: layers.append(layer) or layer)
  kernels = [weight for layer in layers if not stays_dense(layer) for weight in layer.weights]
  return sum(int(np.prod(kernel.shape)) for kernel in kernels if len(kernel.shape) > 1)


def _is_ticket(config: Config) -> bool:
  return bool(config.init_from) and pathlib.Path(config.init_from).suffix != '.npz'

"""What a run starts as: its network, and the weights that `--init_from` gives it."""

from collections.abc import Callable, Mapping
import dataclasses
import pathlib
from typing import Any

import numpy as np

from st_tf.arch import presets
from st_tf.arch.graph import Architecture, Graph
from st_tf.arch.specs import HeadSpec
from st_tf.config import Config, ConfigError
from st_tf.models import build, starts
from st_tf.models.high_resolution import CLASSIFIER
from st_tf.models.reference import load_reference, read_tensors
from st_tf.runs.factoring import check_factors
from st_tf.runs.teaching import teacher
from st_tf.task import Task
from st_tf.ticket import Ticket, moving
from st_tf.training.descent import Part
from st_tf.training.plan import Plan
from st_tf.training.scope import EVERYTHING, Scope
from st_tf.training.trainer import Trainer


def network(task: Task, config: Config) -> Architecture:
  """The network to train: the ticket's that the run starts from, else the chosen supernet, else the task's default.

  Raises:
    ConfigError: both a ticket and a supernet are given, or the ticket is of a trained network that does not suit the task.
    TicketError: no ticket is there.
  """
  if not _is_ticket(config):
    return supernet(config.supernet or task.default_supernet, task, config)
  ticket = Ticket.load(config.init_from)
  if config.supernet:
    raise ConfigError(
      f'A ticket brings its own architecture. Received: --init_from={config.init_from} and --supernet={config.supernet}.'
      ' Leave out --supernet.'
    )
  return _for_task(ticket.arch, ticket, task)


def _for_task(arch: Architecture, ticket: Ticket, task: Task) -> Architecture:
  """The network of a ticket, or its supernet: a graph for the outputs and the images of the task, which a preset is built for anyway."""
  return moving.moved_graph(arch, ticket.head, task.head, task.image_size) if isinstance(arch, Graph) else arch


def supernet(name: str, task: Task, config: Config) -> Architecture:
  """The network called `name`: a family's or a file's with the task's head, a preset, or that of a JSON file.

  Raises:
    SpecError: there is none, or it does not suit the task.
  """
  if presets.is_graph(name):
    return starts.of(dataclasses.replace(config, supernet=name), task.head, task.image_size).graph
  return presets.supernet(name)


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
  check_factors(arch, config, plan)
  searching, removing, taught = plan.search_every > 0, plan.removes_first, teacher(task, config)
  trainer = Trainer(arch, task, config, plan.pruning, searching, scope=scope, teacher=taught, priced=removing)
  if source is not None:
    trainer.descend(dataclasses.replace(Part.whole(source), supernet=_for_task(source.supernet, source, task)))
  return trainer


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
  """Gives a fresh trainer the weights of `--init_from`, if there is one, or those that its family of networks brings.

  A ticket's final layer is taken over only where the outputs are as many; else it stays as initialised.

  Raises:
    UserError: the file or folder is no source of weights, or does not fit the network.
  """
  config = trainer.config
  if not config.init_from:
    if presets.is_graph(config.supernet):
      values = starts.of(config, trainer.task.head, trainer.task.image_size).values
      if values:
        trainer.give(values)
    return
  if _is_ticket(config):
    ticket = Ticket.load(config.init_from)
    trainer.give(_fitting(ticket, trainer), before=ticket.provenance.all_training)
  else:
    load_reference(trainer.model, trainer.arch, trainer.task.head, read_tensors(config.init_from))
    trainer.network.restart_averages()


def prunable_weights(arch: Architecture, head: HeadSpec, shape: tuple[int, int, int], stays_dense: Callable[[Any], bool]) -> int:
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


def check_fits(values: Mapping[str, np.ndarray], trainer: Trainer) -> None:
  """Refuses weights that a ticket calls otherwise, or has in other shapes, than the network of a trainer.

  Raises:
    ConfigError: naming one.
  """
  shapes = {name: tuple(variable.shape) for name, variable in trainer.variables.items()}
  for name, value in values.items():
    if shapes.get(name) != value.shape:
      raise _misfit(name, value.shape, shapes.get(name, 'none'))


def _fitting(ticket: Ticket, trainer: Trainer) -> dict[str, np.ndarray]:
  """The weights of a ticket; those of its final layer only where the outputs are as many."""
  shapes = {name: tuple(variable.shape) for name, variable in trainer.variables.items()}
  found = {name: ticket.weights[name] for name, shape in shapes.items() if name in ticket.weights and ticket.weights[name].shape == shape}
  for name, shape in shapes.items():
    if name not in found and not name.startswith(f'{CLASSIFIER}/'):
      raise _misfit(name, ticket.weights[name].shape if name in ticket.weights else 'none', shape)
  return found


def _misfit(name: str, received: object, wanted: object) -> ConfigError:
  return ConfigError(f'Weights fit the network. Received: {name} of {received}, not {wanted}. Draw the ticket again, or name another.')


def _is_ticket(config: Config) -> bool:
  return bool(config.init_from) and pathlib.Path(config.init_from).suffix != '.npz'

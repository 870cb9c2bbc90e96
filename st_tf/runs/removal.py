"""Units that go before the first step: the least valuable of a network that is trained already."""

import math
from typing import Any

import numpy as np

from st_tf.arch.graph import Graph
from st_tf.config import ConfigError
from st_tf.models import cost
from st_tf.runs.target import charged, check_target, of_a_graph, removable, target
from st_tf.search import scores
from st_tf.search.analysis import analyse
from st_tf.search.moments import Moments, macs, moments
from st_tf.search.reconstruction import Reconstruction, compensated
from st_tf.task import Task
from st_tf.task.scoring import readable
from st_tf.training.trainer import Trainer

PICTURES = 256  # That units are scored on, where there are as many.


def remove_least_valuable(trainer: Trainer) -> dict[str, Any]:
  """Removes units until the network costs what its target allows; what happened.

  Args:
    trainer: of a graph, with the weights that it begins with.

  Raises:
    ConfigError: the target is one that no removal meets.
  """
  check_removal(trainer)
  check_target(trainer)
  groups, channels, values, found = removable(trainer), analyse(trainer.arch), trainer.values(), observed(trainer)
  alive = scores.least_valuable(
    channels,
    groups,
    lambda: Reconstruction(channels, groups, values, found),
    target(trainer),
    charged(trainer),
    of_a_graph(trainer),
    trainer.config.search.unit_multiple,
  )
  trainer.network.give(compensated(channels, values, found, alive))
  before, in_ms = trainer.macs, {'latency_ms_before': trainer.price()} if trainer.cost_model.table else {}
  left = sum(int(np.count_nonzero(units)) for units in alive.values())
  trainer.shrink(alive)
  if in_ms:
    in_ms['latency_ms_after'] = trainer.price()
  return {
    'macs_before': before,
    'macs_after': cost.of(trainer.model).macs,
    'units_before': sum(group.units for group in groups),
    'units_after': left,
    'trimmed': 0,
    **in_ms,
  }


def check_removal(trainer: Trainer) -> None:
  """Refuses a network whose units have no scores.

  Raises:
    ConfigError: it is one.
  """
  if not isinstance(trainer.arch, Graph):
    raise ConfigError('--unit_search=scores goes with a network by name. Received: a preset, which is searched by factors.')


def pictures(trainer: Trainer) -> int:
  """How many training pictures units are scored on."""
  return pictures_of(trainer.task, trainer.config.batch_size)


def pictures_of(task: Task, batch_size: int) -> int:
  """Likewise, of a task in batches of that size."""
  return min(math.ceil(PICTURES / batch_size), task.steps_per_epoch(batch_size)) * batch_size


def observed(trainer: Trainer) -> dict[str, Moments]:
  """What the channels of the network say on training pictures, by node; what that takes counts as training."""
  config, count = trainer.config, pictures(trainer)
  data = trainer.task.dataset('train', config.batch_size, training=True, seed=config.seed, epoch=config.epochs)
  batches = data.take(count // config.batch_size)
  trainer.meter.count(count, count * (trainer.macs + macs(trainer.arch)))
  return moments(trainer.model, trainer.arch, (images for images, _ in readable(batches)))

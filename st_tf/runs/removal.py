"""Units that go before the first step: the least valuable of a network that is trained already."""

import math
from typing import Any

import numpy as np

from st_tf.arch.graph import Graph
from st_tf.config import ConfigError
from st_tf.models import cost
from st_tf.runs.target import shown, target, target_flag
from st_tf.search import prices, scores
from st_tf.search.analysis import analyse
from st_tf.task.scoring import readable
from st_tf.training.trainer import Trainer

PICTURES = 256  # That units are scored on.


def remove_least_valuable(trainer: Trainer) -> dict[str, Any]:
  """Removes units until the network costs what its target allows; what happened.

  Args:
    trainer: of a graph, with the weights that it begins with.

  Raises:
    ConfigError: the target is one that no removal meets.
  """
  arch, config = trainer.arch, trainer.config
  check_first(trainer)
  channels = analyse(arch)
  groups = scores.candidates(channels, trainer.untrained)
  batches = math.ceil(PICTURES / config.batch_size)
  data = trainer.task.dataset('train', config.batch_size, training=True, seed=config.seed, epoch=config.epochs).take(batches)
  deviation = scores.deviations(trainer.model, arch, (images for images, _ in readable(data)))
  trainer.meter.count(batches * config.batch_size, batches * config.batch_size * trainer.macs)
  score = scores.scores(channels, trainer.values(), deviation)
  alive = scores.least_valuable(channels, groups, score, target(trainer), charged(trainer), limited(trainer))
  before, price = trainer.macs, trainer.price()
  left = sum(int(np.count_nonzero(units)) for units in alive.values())
  trainer.shrink(alive)
  in_ms = {'latency_ms_before': price, 'latency_ms_after': trainer.price()} if trainer.cost_model.table else {}
  return {
    'macs_before': before,
    'macs_after': cost.of(trainer.model).macs,
    'units_before': sum(group.units for group in groups),
    'units_after': left,
    'trimmed': 0,
    **in_ms,
  }


def check_first(trainer: Trainer) -> None:
  """Refuses a target that is not met by one unit of each group.

  Raises:
    ConfigError: naming the least that is possible.
  """
  if not isinstance(trainer.arch, Graph):
    raise ConfigError('--unit_search=scores goes with a network by name. Received: a preset, which is searched by factors.')
  channels, model = analyse(trainer.arch), limited(trainer)
  groups = scores.candidates(channels, trainer.untrained)
  least = model.network(channels, {group.name: np.arange(group.units) == 0 for group in groups})
  if target(trainer) < least:
    name, received = target_flag(trainer).split('=')
    raise ConfigError(
      f'{name} is at least what is left with one unit of each group, {shown(least, model.symbol)} here'
      f' ({least / model.network(channels, None):.1%} of the supernet). Received: {received}.'
    )


def planned(trainer: Trainer) -> str:
  """What is going to happen, for people.

  Raises:
    ConfigError: the target is one that no removal meets.
  """
  check_first(trainer)
  model, goal = limited(trainer), target(trainer)
  whole = model.network(analyse(trainer.arch), None)
  return f'the least valuable units go before the first step, until {shown(goal, model.symbol)} ({goal / whole:.0%}) are left'


def charged(trainer: Trainer) -> prices.Prices:
  """What a unit costs: MACs, or milliseconds by a table."""
  table = trainer.cost_model.table
  return prices.MACS if table is None else prices.milliseconds(table)


def limited(trainer: Trainer) -> prices.Prices:
  """What the target limits."""
  return charged(trainer) if trainer.config.search.target_latency_ms else prices.MACS

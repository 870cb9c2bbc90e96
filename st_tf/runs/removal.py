"""Units that go before the first step: the least valuable of a network that is trained already."""

import math
from typing import Any

import numpy as np

from st_tf.arch.graph import Graph
from st_tf.config import ConfigError
from st_tf.models import cost
from st_tf.runs.target import shown, target, target_flag
from st_tf.search import scores
from st_tf.search.analysis import analyse
from st_tf.search.channels import ChannelGroup, Channels
from st_tf.task.scoring import readable
from st_tf.training.trainer import Trainer

PICTURES = 256  # That units are scored on.


def check_removal(trainer: Trainer) -> tuple[Channels, tuple[ChannelGroup, ...]]:
  """(the network's channels, those that may go first): refuses a target that no removal meets.

  Args:
    trainer: of a graph, with the weights that it begins with.

  Raises:
    ConfigError: the target is one that no removal meets, or in milliseconds.
  """
  arch, config = trainer.arch, trainer.config
  if not isinstance(arch, Graph):
    raise ConfigError('--unit_search=scores goes with a network by name. Received: a preset, which is searched by factors.')
  if config.search.target_latency_ms:
    raise ConfigError('Units that go first are counted in MACs. Received: --target_latency_ms. Write --target_macs.')
  channels = analyse(arch)
  groups = scores.candidates(channels, trainer.untrained)
  least = channels.macs({group.name: np.arange(group.units) == 0 for group in groups})
  if target(trainer) < least:
    name, received = target_flag(trainer).split('=')
    raise ConfigError(
      f'{name} is at least what is left with one unit of each group, {shown(least, "MACs")} here'
      f' ({least / trainer.macs:.1%} of the supernet). Received: {received}.'
    )
  return channels, groups


def remove_least_valuable(trainer: Trainer) -> dict[str, Any]:
  """Removes units until the network costs what its target allows; what happened.

  Args:
    trainer: as of `check_removal`.

  Raises:
    ConfigError: likewise.
  """
  channels, groups = check_removal(trainer)
  arch, config = trainer.arch, trainer.config
  batches = math.ceil(PICTURES / config.batch_size)
  data = trainer.task.dataset('train', config.batch_size, training=True, seed=config.seed, epoch=config.epochs).take(batches)
  deviation = scores.deviations(trainer.model, arch, (images for images, _ in readable(data)))
  trainer.meter.count(batches * config.batch_size, batches * config.batch_size * trainer.macs)
  alive = scores.least_valuable(channels, groups, scores.scores(channels, trainer.values(), deviation), target(trainer))
  before = trainer.macs
  left = sum(int(np.count_nonzero(units)) for units in alive.values())
  trainer.shrink(alive)
  return {
    'macs_before': before,
    'macs_after': cost.of(trainer.model).macs,
    'units_before': sum(group.units for group in groups),
    'units_after': left,
    'trimmed': 0,
  }

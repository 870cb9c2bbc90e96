"""The MAC target: what it is, whether it can be met, and the penalty's strength on the way to it."""

import math

import numpy as np

from st_tf import cost
from st_tf.config import ConfigError
from st_tf.plan import Plan
from st_tf.pruning import rank
from st_tf.search import importance, steering
from st_tf.trainer import Trainer

STEERS_PER_SEARCH = 5  # The penalty's strength is corrected this often between two looks at the factors.


def target(trainer: Trainer) -> float:
  """The MAC target: a value up to 1 is a fraction of the supernet's."""
  value = trainer.config.search.target_macs
  return value * trainer.initial['macs'] if value <= 1 else value


def target_met(trainer: Trainer) -> bool:
  """Whether the network as it stands has at most the MACs that were asked for."""
  return cost.of(trainer.model).macs <= target(trainer)


def check_target(trainer: Trainer) -> None:
  """Refuses a MAC target that no network of this supernet meets.

  Raises:
    ConfigError: naming the least MACs that are possible.
  """
  if not trainer.config.search.target_macs:
    return
  nothing = {group.name: np.zeros(group.units, bool) for group in trainer.groups}
  least = importance.surviving_macs(trainer.initial['macs'], trainer.groups, nothing)
  if target(trainer) < least:
    raise ConfigError(
      f'--target_macs is at least what is left without any search unit, {math.ceil(least):,} here'
      f' ({least / trainer.initial["macs"]:.1%} of the supernet). Received: {trainer.config.search.target_macs:g}.'
    )


def steer(trainer: Trainer, plan: Plan) -> None:
  """Corrects the strength of the penalty, when it is time to."""
  every = max(plan.search_every // STEERS_PER_SEARCH, 1)
  if not plan.ramp_steps <= trainer.step < plan.search_end or trainer.step % every:
    return
  groups = importance.groups(trainer.model, trainer.arch, trainer.task.head)
  if not groups:
    return
  ahead = range(trainer.step, min(trainer.step + every, plan.search_end))
  length = max(plan.search_end - plan.ramp_steps, 1)
  trainer.steering = steering.steer(
    trainer.steering,
    trainer.factors(),
    trainer.penalties(),
    {group.name: group.macs / group.units for group in groups},
    cost.of(trainer.model).macs,
    steering.path(trainer.initial['macs'], target(trainer), (ahead[-1] + 1 - plan.ramp_steps) / length),
    sum(plan.learning_rate(step) for step in ahead),
    trainer.config.search.dead_below,
  )


def check_sparsity(trainer: Trainer, plan: Plan) -> None:
  """Refuses, before anything is trained, a sparsity that the layers' floors do not allow.

  Raises:
    RankingError: naming the highest that is possible.
  """
  if plan.pruning is not None:
    pruning = trainer.config.pruning
    rank(trainer.magnitudes(), max(pruning.sparsity), pruning.ranking, pruning.layer_floor)

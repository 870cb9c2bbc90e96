"""The target of a search: what it is, whether it can be met, and the penalty's strength on the way to it."""

import bisect
from collections.abc import Mapping, Sequence
import math
from typing import Any

import numpy as np

from st_tf.arch.graph import Graph
from st_tf.config import ConfigError
from st_tf.search import importance, prices, scores, steering
from st_tf.search.analysis import analyse
from st_tf.search.channels import ChannelGroup
from st_tf.training.plan import Plan
from st_tf.training.trainer import Trainer

STEERS_PER_SEARCH = 5  # The penalty's strength is corrected this often between two looks at the factors.


def limited(trainer: Trainer) -> importance.CostModel:
  """What the target limits: MACs, or milliseconds by a table."""
  return trainer.cost_model if trainer.config.search.target_latency_ms else importance.MACS


def initial(trainer: Trainer) -> float:
  """What the supernet costs, in the target's unit."""
  if isinstance(trainer.supernet, Graph):
    in_ms = trainer.config.search.target_latency_ms
    return of_a_graph(trainer).network(analyse(trainer.supernet), None) if in_ms else trainer.initial['macs']
  return limited(trainer).total(trainer.initial['macs'], trainer.groups)


def target(trainer: Trainer) -> float:
  """The target in its unit: milliseconds, or MACs, where a value up to 1 is a fraction of the supernet's."""
  search = trainer.config.search
  if search.target_latency_ms:
    return search.target_latency_ms
  return search.target_macs * trainer.initial['macs'] if search.target_macs <= 1 else search.target_macs


def target_flag(trainer: Trainer) -> str:
  """The target as it was given."""
  search = trainer.config.search
  name = 'target_latency_ms' if search.target_latency_ms else 'target_macs'
  return f'--{name}={getattr(search, name):g}'


def check_target(trainer: Trainer) -> None:
  """Refuses a target that no network of this supernet meets.

  Raises:
    ConfigError: naming the least that is possible.
  """
  if not trainer.config.search.has_target:
    return
  model, is_graph = limited(trainer), isinstance(trainer.supernet, Graph)
  least = least_of_a_graph(trainer) if is_graph else model.fixed(trainer.initial['macs'], trainer.groups)
  if target(trainer) < least:
    name, received = target_flag(trainer).split('=')
    left = 'with one unit of each group that no skip goes past' if is_graph else 'without any search unit'
    raise ConfigError(
      f'{name} is at least what is left {left}, {shown(least, model.symbol)} here'
      f' ({least / initial(trainer):.1%} of the supernet). Received: {received}.'
    )


def removable(trainer: Trainer) -> tuple[ChannelGroup, ...]:
  """The groups of a trained network of which units may go before the first step."""
  return scores.candidates(analyse(trainer.arch), trainer.untrained, trainer.config.search.search_residual)


def least_of_a_graph(trainer: Trainer) -> float:
  """What a trained network costs with the fewest units of each of these groups."""
  channels = analyse(trainer.arch)
  return of_a_graph(trainer).network(channels, channels.least(removable(trainer)))


def charged(trainer: Trainer) -> prices.Prices:
  """What a unit of a trained network costs: MACs, or milliseconds by a table."""
  table = trainer.cost_model.table
  return prices.MACS if table is None else prices.milliseconds(table)


def of_a_graph(trainer: Trainer) -> prices.Prices:
  """What the target limits, of a trained network."""
  return charged(trainer) if trainer.config.search.target_latency_ms else prices.MACS


def shown(amount: float, symbol: str) -> str:
  """An amount with its unit, rounded up."""
  return f'{math.ceil(amount):,} {symbol}' if symbol == 'MACs' else f'{math.ceil(100 * amount) / 100:.2f} {symbol}'


def correct_penalty(trainer: Trainer, plan: Plan) -> None:
  """Corrects the strength of the penalty, when it is time to."""
  every = max(plan.search_every // STEERS_PER_SEARCH, 1)
  if not plan.ramp_steps <= trainer.step < plan.search_end or trainer.step % every:
    return
  groups = trainer.current_groups
  if not groups:
    return
  ahead = range(trainer.step, min(trainer.step + every, plan.search_end))
  model = limited(trainer)
  living = importance.alive(trainer.factors(), trainer.config.search.dead_below)
  # Dead units are held dead by the penalty too, so they stay in the sum, at the price of a living one.
  prices = _prices(model, groups, living)
  dead = sum(prices[name] * float(np.count_nonzero(~units)) for name, units in living.items())
  now, goal = model.total(trainer.macs, groups, living) + dead, _goal(trainer, plan, ahead[-1] + 1)
  trainer.steer(prices, now, goal, sum(plan.learning_rate(step) for step in ahead))


def trimmed(trainer: Trainer, alive: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """The living units that are left when the target is met: those of the smallest factors, by their penalty, go.

  Args:
    trainer: of the network.
    alive: booleans per unit by group name.
  """
  groups, before, model = trainer.current_groups, trainer.macs, limited(trainer)
  penalties = trainer.penalties()
  distances = {name: np.abs(value) / penalties[name] for name, value in trainer.factors().items()}

  def left(limit: float) -> dict[str, np.ndarray]:
    return {name: units & (distances[name] > limit) for name, units in alive.items()}

  limits = [0.0, *np.unique([distance for name, units in alive.items() for distance in distances[name][units]])]
  # Costs fall as limits rise.
  enough = bisect.bisect_left(limits, -target(trainer), key=lambda limit: -model.total(before, groups, left(limit)))
  return left(limits[min(enough, len(limits) - 1)])


def _goal(trainer: Trainer, plan: Plan, step: int) -> float:
  """What the network may cost after that many steps."""
  length = max(plan.search_end - plan.ramp_steps, 1)
  return steering.path(initial(trainer), target(trainer), max(step - plan.ramp_steps, 0) / length)


def _prices(model: importance.CostModel, groups: Sequence[Any], living: Mapping[str, np.ndarray]) -> dict[str, float]:
  left = {group.name: int(np.count_nonzero(living[group.name])) or group.units for group in groups}
  return {group.name: model.group(group, left[group.name]) / left[group.name] for group in groups}


def check_sparsity(trainer: Trainer, plan: Plan) -> None:
  """Refuses, before anything is trained, a sparsity that the layers' floors do not allow.

  Raises:
    RankingError: naming the highest that is possible.
  """
  if plan.pruning is not None and plan.pruning.begin_step <= plan.total_steps:
    trainer.ranked(max(trainer.config.pruning.sparsity))

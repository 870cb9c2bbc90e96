"""The target of a search: what it is, whether it can be met, and the penalty's strength on the way to it."""

import bisect
from collections.abc import Mapping
import math

import numpy as np

from st_tf.arch.graph import Graph
from st_tf.config import ConfigError
from st_tf.search import factors, importance, offsets, prices, scores, steering
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


def scored_groups(trainer: Trainer) -> tuple[ChannelGroup, ...]:
  """The groups of a trained network whose units can be scored."""
  return scores.candidates(analyse(trainer.arch), trainer.untrained, trainer.config.search.search_residual)


def places(trainer: Trainer) -> dict[str, str]:
  """Where the factors of a trained network sit: nodes, or batch norms, by the names of their groups; '' where there is no place."""
  channels = analyse(trainer.arch)
  place = offsets.norm_of if trainer.config.search.factor == 'gamma' else factors.point
  return {group.name: place(channels, group) for group in scored_groups(trainer)}


def removable(trainer: Trainer) -> tuple[ChannelGroup, ...]:
  """The groups of a trained network of which units may go."""
  found = scored_groups(trainer)
  if trainer.config.search.unit_search == 'scores':
    return found
  at = places(trainer)
  return tuple(group for group in found if at[group.name])


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
  if not trainer.current_groups:
    return
  ahead = range(trainer.step, min(trainer.step + every, plan.search_end))
  living = importance.alive(trainer.factors(), trainer.config.search.dead_below)
  # Dead units are held dead by the penalty too, so they stay in the sum, at the price of a living one.
  prices = _prices(trainer, living)
  dead = sum(prices[name] * float(np.count_nonzero(~units)) for name, units in living.items())
  now, goal = _left(trainer, living) + dead, _goal(trainer, plan, ahead[-1] + 1)
  trainer.steer(prices, now, goal, sum(plan.learning_rate(step) for step in ahead))


def alive(trainer: Trainer) -> dict[str, np.ndarray]:
  """The units that need not go, by group name; of a graph also those that a group has to keep."""
  found = importance.alive(trainer.factors(), trainer.config.search.dead_below)
  return factors.keeping(analyse(trainer.arch), found, trainer.factors()) if isinstance(trainer.arch, Graph) else found


def macs_without(trainer: Trainer, living: Mapping[str, np.ndarray]) -> float:
  """MACs of what is left of the network without its dead units."""
  if isinstance(trainer.arch, Graph):
    return analyse(trainer.arch).macs(living)
  return importance.MACS.total(trainer.macs, trainer.current_groups, living)


def trimmed(trainer: Trainer, alive: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """The living units that are left when the target is met: those of the smallest factors, by their penalty, go.

  Args:
    trainer: of the network.
    alive: booleans per unit by group name.
  """
  penalties, values = trainer.penalties(), trainer.factors()
  distances = {name: np.abs(value) / penalties[name] for name, value in values.items()}
  is_graph = isinstance(trainer.arch, Graph)

  def left(limit: float) -> dict[str, np.ndarray]:
    units = {name: alive[name] & (distance > limit) for name, distance in distances.items()}
    return factors.keeping(analyse(trainer.arch), units, values) if is_graph else units

  limits = [0.0, *np.unique([distance for name, units in distances.items() for distance in units[alive[name]]])]
  # Costs fall as limits rise.
  enough = bisect.bisect_left(limits, -target(trainer), key=lambda limit: -_left(trainer, left(limit)))
  return left(limits[min(enough, len(limits) - 1)])


def _left(trainer: Trainer, living: Mapping[str, np.ndarray]) -> float:
  """What the network costs without its dead units, in the target's unit."""
  if isinstance(trainer.arch, Graph):
    return of_a_graph(trainer).network(analyse(trainer.arch), living)
  return limited(trainer).total(trainer.macs, trainer.current_groups, living)


def _goal(trainer: Trainer, plan: Plan, step: int) -> float:
  """What the network may cost after that many steps."""
  length = max(plan.search_end - plan.ramp_steps, 1)
  return steering.path(initial(trainer), target(trainer), max(step - plan.ramp_steps, 0) / length)


def _prices(trainer: Trainer, living: Mapping[str, np.ndarray]) -> dict[str, float]:
  """What a living unit of each group costs on average, in the target's unit."""
  if isinstance(trainer.arch, Graph):  # Groups that lie in one layer share what it costs.
    whole = _left(trainer, living)
    saved = {name: whole - _left(trainer, {**living, name: np.zeros_like(units)}) for name, units in living.items()}
    return {name: saved[name] / max(np.count_nonzero(units), 1) for name, units in living.items()}
  left = {group.name: int(np.count_nonzero(living[group.name])) or group.units for group in trainer.current_groups}
  return {group.name: limited(trainer).group(group, left[group.name]) / left[group.name] for group in trainer.current_groups}


def check_sparsity(trainer: Trainer, plan: Plan) -> None:
  """Refuses, before anything is trained, a sparsity that the layers' floors do not allow.

  Raises:
    RankingError: naming the highest that is possible.
  """
  if plan.pruning is not None and plan.pruning.begin_step <= plan.total_steps:
    trainer.ranked(max(trainer.config.pruning.sparsity))

"""The target of a search: what it is, whether it can be met, and which units go on the way to it."""

import math

from st_tf import cost
from st_tf.config import ConfigError
from st_tf.plan import Plan
from st_tf.search import importance, removal
from st_tf.trainer import Trainer


def limited(trainer: Trainer) -> importance.CostModel:
  """What the target limits: MACs, or milliseconds by a table."""
  return trainer.cost_model if trainer.config.search.target_latency_ms else importance.MACS


def initial(trainer: Trainer) -> float:
  """What the supernet costs, in the target's unit."""
  return limited(trainer).total(trainer.initial['macs'], trainer.groups)


def present(trainer: Trainer) -> float:
  """What the network as it stands costs, in the target's unit."""
  return trainer.price(limited(trainer))


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


def target_met(trainer: Trainer) -> bool:
  """Whether the network as it stands costs at most what was asked for."""
  return present(trainer) <= target(trainer)


def check_target(trainer: Trainer) -> None:
  """Refuses a target that no network of this supernet meets.

  Raises:
    ConfigError: naming the least that is possible.
  """
  if not trainer.config.search.has_target:
    return
  model = limited(trainer)
  least = model.fixed(trainer.initial['macs'], trainer.groups)
  if target(trainer) < least:
    name, received = target_flag(trainer).split('=')
    raise ConfigError(
      f'{name} is at least what is left without any search unit, {shown(least, model.symbol)} here'
      f' ({least / initial(trainer):.1%} of the supernet). Received: {received}.'
    )


def shown(amount: float, symbol: str) -> str:
  """An amount with its unit, rounded up."""
  return f'{math.ceil(amount):,} {symbol}' if symbol == 'MACs' else f'{math.ceil(100 * amount) / 100:.2f} {symbol}'


def remaining(trainer: Trainer, plan: Plan, living: removal.Living) -> removal.Living:
  """Which units are left when the smallest factors, for their penalty, go until the cost is on its way to the target.

  Args:
    trainer: of the network.
    plan: of its run.
    living: what is alive.
  """
  groups = importance.groups(trainer.model, trainer.arch, trainer.task.head)
  if not groups:
    return living
  model, macs = limited(trainer), cost.of(trainer.model).macs
  searched = (trainer.step - plan.ramp_steps) / max(plan.search_end - plan.ramp_steps, 1)
  goal = removal.path(initial(trainer), target(trainer), max(searched, 0.0))
  return removal.left(trainer.factors(), trainer.penalties(), living, lambda units: model.total(macs, groups, units), goal)


def check_sparsity(trainer: Trainer, plan: Plan) -> None:
  """Refuses, before anything is trained, a sparsity that the layers' floors do not allow.

  Raises:
    RankingError: naming the highest that is possible.
  """
  if plan.pruning is not None and plan.pruning.begin_step <= plan.total_steps:
    trainer.ranked(max(trainer.config.pruning.sparsity))

"""Importance factors of a trained network: what they begin with before the first step, and how its kernels take them in at the end."""

import numpy as np

from st_tf.arch.graph import Architecture, Graph
from st_tf.config import Config, ConfigError
from st_tf.runs.removal import observed
from st_tf.runs.target import check_target, places, removable, scored_groups, trimmed
from st_tf.search import scores
from st_tf.search.analysis import analyse
from st_tf.search.factors import Factors, beginning, readings, scaled, unscaled
from st_tf.search.moments import deviations
from st_tf.training.plan import Plan
from st_tf.training.scaled import begun, ended
from st_tf.training.trainer import Trainer


def check_factors(arch: Architecture, config: Config, plan: Plan) -> None:
  """Refuses settings of factors that a network does not have.

  Raises:
    ConfigError: naming the setting.
  """
  search = config.search
  if isinstance(arch, Graph) and search.unit_search == 'scores':
    of_factors = {'factor': search.factor, 'factor_rate': search.factor_rate, 'penalised': search.penalised}
    given = {name: value for name, value in of_factors.items() if value not in ('', 1.0, 'all')}
    for name, value in given.items():
      raise ConfigError(
        f'--{name} goes with a search by factors. Received: --{name}={value}, and units that go by scores. Leave it out, or write'
        ' --unit_search=factors.'
      )
  if not plan.search_every:
    return
  if isinstance(arch, Graph):
    if search.search_residual:
      raise ConfigError(
        '--search_residual goes with units that go by scores. Received: a search by factors. Leave it out, or write --unit_search=scores.'
      )
  elif search.search_residual:
    raise ConfigError('--search_residual goes with a network by name or by file. Received: a preset. Leave it out.')
  elif search.factor == 'scale':
    raise ConfigError('The factors of a preset are scales of its batch norms. Received: --factor=scale. Leave it out.')
  elif search.penalised == 'least':
    raise ConfigError('--penalised=least goes with a network by name or by file. Received: a preset. Leave it out.')


def begin(trainer: Trainer) -> None:
  """Gives a trained network its factors; of scales each begins with the score of its unit, and the function stays the same.

  Args:
    trainer: of a graph, with the weights that it begins with.

  Raises:
    ConfigError: no group has a place for factors, or the target is one that no search meets.
  """
  groups, at = removable(trainer), places(trainer)
  if not groups:
    raise ConfigError(_without_places(trainer))
  check_target(trainer)
  arch, memory, everything = trainer.arch, trainer.network.memory(), {group.name: tuple(range(group.units)) for group in groups}
  if trainer.config.search.factor == 'gamma':
    variables = {group.name: f'{at[group.name]}/gamma' for group in groups}
  else:
    score = scores.scores(analyse(arch), trainer.values(), deviations(observed(trainer)))
    scales = beginning(groups, score)
    arch, variables = scaled(arch, {group.name: at[group.name] for group in groups})
    memory = begun(memory, readings(analyse(arch)), {variables[name]: value for name, value in scales.items()})
  trainer.become(arch, memory, Factors(variables, everything))
  if trainer.config.search.penalised == 'least':
    left = trimmed(trainer, {name: np.ones(len(units), bool) for name, units in everything.items()})
    penalised = {name: tuple(np.flatnonzero(~left[name]).tolist()) for name in everything}
    trainer.become(arch, trainer.network.memory(), Factors(variables, penalised))


def _without_places(trainer: Trainer) -> str:
  search = trainer.config.search
  if search.factor == 'gamma':
    return (
      'Factors that are scales of batch norms need groups of units with one behind them. Received: --factor=gamma, and a network without'
      ' any. Leave it out.'
    )
  none = '--target_macs=0 --penalty=0' + (' without --target_latency_ms' if search.target_latency_ms else '')
  scored = '--unit_search=scores, or ' if scored_groups(trainer) else ''
  return f'A search by factors needs groups of units with a place for them. Received: a network without any. Write {scored}{none} for none.'


def end(trainer: Trainer) -> None:
  """Lets kernels take in the scales of what they read, at the end of a search; the function stays the same."""
  if trainer.factors_of_graph:
    trainer.become(unscaled(trainer.arch), ended(trainer.network.memory(), trainer.network.readings), None)

"""MENAS (arXiv:2203.04300): networks evolve, each is replaced by its lottery ticket, and the best one is trained to the end."""

import dataclasses
import functools
import math
import os

from st_tf import wording
from st_tf.arch import presets
from st_tf.config import PRUNING_SETTINGS, Config, ConfigError, EvolutionConfig
from st_tf.errors import NothingLeft
from st_tf.methods import _tuning as tuning
from st_tf.methods._candidate import TooLarge, final_config, last_plan, share_kept
from st_tf.methods._generations import Search
from st_tf.methods._method import SEARCHED, Method, Training
from st_tf.methods._pipeline import Pipeline, trial_epochs
from st_tf.methods._tuning import Failed
from st_tf.pruning.ranking import RankingError
from st_tf.runs.workdir import Workdir
from st_tf.search import evolution
from st_tf.search.evolution import Candidate
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.ticket.facts import TrainingCost
from st_tf.training.plan import Plan
from st_tf.training.trainer import Trainer

_LEAST_POPULATION = 2  # Of which a child can descend.
_READS = tuple(field.name for field in dataclasses.fields(EvolutionConfig))


def plan(config: Config, steps_per_epoch: int) -> Plan:
  """What happens when in the best network's training.

  Raises:
    ConfigError: settings with which no search is possible.
  """
  check(config)
  for sparsity in config.pruning.sparsity:  # Before the search, since it would be in vain.
    planned = last_plan(final_config(config, sparsity), steps_per_epoch)
  return planned


def check(config: Config) -> None:
  """Refuses settings with which no search is possible.

  Raises:
    ConfigError: naming one.
  """
  search, own, trials = config.search, config.evolution, config.tuner.trials
  if search.cost != 'macs' and not search.target_latency_ms:
    raise ConfigError(f'--method=menas has a table for --target_latency_ms. Received: --cost={search.cost} alone. Give both or neither.')
  if not search.target_macs:
    raise ConfigError('--method=menas needs a bound, which its networks evolve towards. Received: --target_macs=0. Raise it.')
  if config.init_from:
    raise ConfigError(f'--method=menas trains networks of a space of its own. Received: --init_from={config.init_from}. Leave it out.')
  if presets.is_graph(config.supernet):
    raise ConfigError(
      f'--method=menas trains networks of a space of its own, none of which is trained already. Received: --supernet={config.supernet}.'
      ' Leave it out, or name a preset, of whose MACs --target_macs is a share.'
    )
  if own.population < _LEAST_POPULATION:
    raise ConfigError(f'--population is at least {_LEAST_POPULATION}. Received: {own.population}. Raise it.')
  least = math.ceil(own.population * own.first_macs / share_kept(own)) + 1
  if trials < least:
    raise ConfigError(
      '--trials lasts for a first generation and a child: --population times --first_macs over --ticket_macs, and one more, here'
      f' {least}. Received: {trials}. Raise it, or lower --population.'
    )
  floor = 1 - config.pruning.layer_floor
  for name, sparsity in (('sparsity', max(config.pruning.sparsity)), ('ticket_sparsity', own.ticket_sparsity)):
    if sparsity > floor:
      raise ConfigError(f'--{name} leaves each layer its --layer_floor, and is at most {floor:g} here. Received: {sparsity:g}. Lower it.')
  if own.finalists > own.population:
    raise ConfigError(f'--finalists are of the population. Received: {own.finalists} of {own.population}. Lower it.')
  tuning.role(os.environ)


def trainings(config: Config) -> list[Training]:
  """All candidates, which cost no more than so many trials at the target, then the last trainings."""
  count = config.evolution.finalists
  several = f'{count} networks ' if count > 1 else ''
  return [
    Training(f'{config.tuner.trials} trials', config.tuner.trials * trial_epochs(config), SEARCHED),
    *(Training(f'train {several}to {wording.sparsity(level)}', count * config.epochs, SEARCHED) for level in config.pruning.sparsity),
  ]


def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """The ticket of the highest sparsity.

  Raises:
    NothingLeft: the process is a worker, and no trial is left.
    UserError: settings with which no search is possible, or no network could be trained.
  """
  plan(config, task.steps_per_epoch(config.batch_size))
  search = Search(task, config, workdir)
  tried = search.run()
  if not tried:
    raise NothingLeft('No trial is left: this worker ends, and the chief goes on with the best network.')
  pipeline, best = Pipeline(task, config, workdir), evolution.best(tried, search.target, len(tried))

  def trained(one: Candidate, sparsity: float) -> Ticket:
    beginning = search.continued(one)
    settings = final_config(config, sparsity, search.target if one.macs > search.target else 0.0)
    return pipeline.stage(settings, functools.partial(search.nursery.finished, beginning), beginning)

  def drawn(sparsity: float) -> Ticket:
    finals: dict[int, Ticket] = {}
    refused: list[Exception] = []
    lost: list[TrainingCost] = []  # Of those that failed after a while, which are no more than a population.
    for one in best:
      if len(finals) < config.evolution.finalists and len(lost) < config.evolution.population:
        try:
          finals[one.number] = trained(one, sparsity)
        except (RankingError, TooLarge, Failed) as error:
          if isinstance(error, Failed):
            lost.append(error.training)
          print(f'candidate {one.number + 1:>3}  is not trained to the end: {error}', flush=True)
          refused.append(error)
    if not finals:
      raise refused[0] if not isinstance(refused[0], Failed) else refused[0].__cause__
    return search.charged(finals, tried, lost)

  return pipeline.keep(drawn(sparsity) for sparsity in config.pruning.sparsity)


def tells(task: Task, config: Config) -> list[str]:
  """What a plan says of the space and of the search.

  Raises:
    ConfigError: no network of the space meets the target.
  """
  search = Search(task, config)
  rules, own = search.evolves.rules, config.evolution
  how = f'{rules.children} children in each generation' if own.evolve else 'all others drawn by chance'
  of = 'of a ticket' if own.replace else 'of a network'
  replaced = f'tickets of {own.ticket_macs:.0%} of the MACs, {own.ticket_sparsity:.0%} masked' if own.replace else 'no tickets'
  return [
    f'  space       {search.name}: {search.nursery.space.size:,} networks',
    f'  evolution   {own.population} networks at first, {how}; {replaced}',
    f'              at most {rules.bound(0):,.0f} MACs {of} at first, {search.target:,.0f} in the end'
    + (f'; at most {own.target_params:,} parameters' if own.target_params else '')
    + (f'; at most {search.evolves.bound.milliseconds:g} ms, by a table with an error of {search.table.error:.1%}' if search.table else ''),
    f'              as much training as {config.tuner.trials} networks of the target size in {trial_epochs(config)} epochs each:'
    f' {rules.budget:,.0f} MACs',
  ]


def trainer(task: Task, config: Config, plan: Plan) -> Trainer:
  """The trainer of the first candidate, as its last training would have it."""
  search = Search(task, config)
  return search.nursery.trainer(search.first().genome, task, final_config(config, max(config.pruning.sparsity)), plan)


METHOD = Method(
  plan=plan,
  draw=draw,
  reads=(*PRUNING_SETTINGS, 'target_macs', 'target_latency_ms', 'cost', 'trials', 'trial_epochs', *_READS),
  trainings=trainings,
  trainer=trainer,
  tells=tells,
  is_shared=True,
  has_networks=True,
)

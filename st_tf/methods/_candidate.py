"""One candidate of an evolution: a network that is trained for a few epochs and replaced by its lottery ticket on the way."""

from collections.abc import Sequence
import dataclasses
import functools
import hashlib
from typing import Any

import numpy as np

from st_tf.arch.genome import Genome, Site, price
from st_tf.arch.graph import Graph
from st_tf.arch.spaces import Space
from st_tf.config import PRUNED_LAYERS, Config, EvolutionConfig, PruningConfig, SearchConfig
from st_tf.errors import UserError
from st_tf.methods._pipeline import alone, trial_epochs, unrounded
from st_tf.methods._tuning import Failed
from st_tf.models import mobile
from st_tf.pruning.ranking import RankingError
from st_tf.runs.continuing import DivergedError
from st_tf.runs.removal import observed
from st_tf.runs.run import Run, train_to_the_end
from st_tf.runs.start import fresh
from st_tf.runs.workdir import Workdir
from st_tf.search.analysis import analyse
from st_tf.search.inheritance import inherited
from st_tf.search.moments import deviations
from st_tf.search.narrowing import narrowed
from st_tf.search.reconstruction import compensated
from st_tf.search.scores import scores
from st_tf.search.units import all_of
from st_tf.task import Task
from st_tf.ticket import Costs, TaskFacts, Ticket
from st_tf.ticket.facts import TrainingCost
from st_tf.training.plan import Plan, pruning_alone, training_alone
from st_tf.training.trainer import Trainer

REPLACED_AT = 0.5  # Of a trial: before, it is the network that is trained; after, its ticket.
_OF_WHOLE = ('replace', 'trial_patience')  # What is read of a candidate that stays what it is.
_OF_TICKETS = (*_OF_WHOLE, 'ticket_macs', 'ticket_sparsity')


class TooLarge(UserError):
  """A network that cannot become as small as it has to."""


@dataclasses.dataclass(frozen=True)
class Beginning:
  """What a training of a genome begins with.

  Attributes:
    genome: of the network.
    parents: whose weights it begins with, as tickets; none = random ones.
    origins: which of them each stage is of.
  """

  genome: Genome
  parents: tuple[Ticket, ...] = ()
  origins: tuple[int, ...] = ()

  @functools.cached_property
  def fingerprint(self) -> str:
    """Changes with all of it."""
    parts = (self.genome.to_text(), *(parent.fingerprint for parent in self.parents), *map(str, self.origins))
    return hashlib.sha256('\n'.join(parts).encode()).hexdigest()


@dataclasses.dataclass(frozen=True)
class Nursery:
  """What all trainings of a search have in common.

  Attributes:
    space: of the genomes.
    site: where they become networks.
  """

  space: Space
  site: Site

  def narrow(self, trainer: Trainer, target: float) -> dict[str, Any]:
    """Removes the channels that are worth the least until a network costs at most so many MACs, where it can; what happened.

    Args:
      trainer: of the network of a genome.
      target: MACs.
    """
    channels, values, found = analyse(trainer.arch), trainer.values(), observed(trainer)
    alive = narrowed(channels, self.space, scores(channels, values, deviations(found)), target)
    trainer.network.give(compensated(channels, values, found, alive))
    before = {'macs_before': trainer.macs, 'units_before': sum(units.size for units in alive.values())}
    trainer.shrink(alive)
    left = sum(int(np.count_nonzero(units)) for units in alive.values())
    return before | {'macs_after': trainer.macs, 'units_after': left, 'trimmed': 0}

  def drawn(self, beginning: Beginning, task: Task, config: Config, workdir: Workdir) -> Ticket:
    """The ticket that a candidate is replaced by, trained in `workdir`; without replacement the trained candidate.

    Args:
      beginning: of the candidate.
      task: what to train on.
      config: from `trial_config`.
      workdir: where it goes.

    Raises:
      Failed: its loss became no finite number, or its ticket cannot be as sparse.
    """
    masked = max(config.pruning.sparsity)
    plan = training_alone(config, task.steps_per_epoch(config.batch_size))
    plan = plan.holding(masked) if masked else plan
    run = Run(self.trainer(beginning.genome, task, config, plan), plan, workdir, lambda trainer: begin(trainer, beginning))
    try:
      self._train(run, max(round(REPLACED_AT * plan.total_steps), 1))
    except (DivergedError, RankingError) as error:
      raise Failed(str(error), _taken(run)) from error
    return run.save_ticket(masked)

  def _train(self, run: Run, at: int) -> None:
    """All epochs, or until the score rises no more; after step `at` it is the ticket that is trained."""
    evolution, masked, metric = run.config.evolution, max(run.config.pruning.sparsity), run.task.primary_metric
    for epoch in run.epochs():
      if _has_stalled(run.workdir.history.rows(), metric, at if evolution.replace else 0, evolution.trial_patience):
        break
      for images, targets in run.batches(epoch):
        run.step(images, targets)
        if evolution.replace and run.trainer.step == at:
          self._replace(run, evolution.ticket_macs, masked)
      run.end_epoch(epoch)

  def _replace(self, run: Run, share: float, masked: float) -> None:
    trainer = run.trainer
    if share < 1:
      run.record('shrink', **self.narrow(trainer, share * trainer.macs))
    if masked:
      run.record('prune', **trainer.prune(masked, final=True), final=True)

  def finished(self, beginning: Beginning, task: Task, config: Config, workdir: Workdir) -> Ticket:
    """The ticket of a last training.

    Args:
      beginning: with the best candidate's ticket, or without weights.
      task: what to train on.
      config: from `final_config`.
      workdir: where it goes.

    Raises:
      TooLarge: it cannot become as small as it has to.
      RankingError: it cannot be as sparse.
      Failed: that, or a loss that is no finite number, once it has been trained for a while.
    """
    plan, narrow_to = last_plan(config, task.steps_per_epoch(config.batch_size)), config.search.target_macs

    def prepare(trainer: Trainer) -> None:
      begin(trainer, beginning)
      if narrow_to:
        self.narrow(trainer, narrow_to)
        if trainer.macs > narrow_to:
          raise TooLarge(
            f'The ticket meets the target. Received: {trainer.macs:,} MACs of a network whose channels are as few as can be, and the target'
            f' of {narrow_to:,.0f}. Raise --trials, or lower --first_macs.'
          )

    run = Run(self.trainer(beginning.genome, task, config, plan), plan, workdir, prepare)
    try:
      train_to_the_end(run)
    except (DivergedError, RankingError) as error:
      raise Failed(str(error), _taken(run)) from error
    return run.save_ticket(max(config.pruning.sparsity))

  def trainer(self, genome: Genome, task: Task, config: Config, plan: Plan) -> Trainer:
    """A fresh trainer of a genome's network."""
    trainer = fresh(task, config, plan, untrained(genome, self.site))
    trainer.initial['prunable'] = trainer.mask.size  # Which a ticket without weights cannot know.
    return trainer


def trial_config(config: Config) -> Config:
  """The settings of a candidate's training, of those of a run."""
  config, evolution = unrounded(config), config.evolution
  read = _OF_TICKETS if evolution.replace else _OF_WHOLE
  of_tickets = EvolutionConfig(**{name: getattr(evolution, name) for name in read})
  kept = {name: getattr(config.pruning, name) for name in (*PRUNED_LAYERS, 'ranking', 'layer_floor')}
  masked = evolution.ticket_sparsity if evolution.replace else 0.0
  pruning = PruningConfig(sparsity=(masked,), reactivation='masked', **kept)
  training = dataclasses.replace(config.training, fine_tune_epochs=0)
  changed = {'epochs': trial_epochs(config), 'pruning': pruning, 'training': training, 'evolution': of_tickets}
  return dataclasses.replace(alone(config, 'dense'), method='menas', supernet='', **changed)


def final_config(config: Config, sparsity: float, narrow_to: float = 0.0) -> Config:
  """The settings of a last training: of `supertickets` on a network that is not searched any more.

  Args:
    config: the run's settings.
    sparsity: of its ticket.
    narrow_to: MACs that the network is narrowed to before; 0 = it stays.
  """
  pruning, search = dataclasses.replace(config.pruning, sparsity=(sparsity,)), SearchConfig(penalty=0.0, target_macs=narrow_to)
  return dataclasses.replace(alone(config, 'gmp'), method='supertickets', supernet='', pruning=pruning, search=search)


def share_kept(evolution: EvolutionConfig) -> float:
  """Of a candidate's MACs that its ticket has at most."""
  return evolution.ticket_macs if evolution.replace else 1.0


def last_plan(config: Config, steps_per_epoch: int) -> Plan:
  """What happens when in a last training.

  Raises:
    ConfigError: durations that contradict each other.
  """
  return pruning_alone(config, steps_per_epoch)


def begin(trainer: Trainer, beginning: Beginning) -> None:
  """Gives a fresh trainer the weights that its parents leave it."""
  if beginning.parents:
    trainer.give(inherited(trainer.values(), [parent.weights for parent in beginning.parents], beginning.origins))


def untrained(genome: Genome, site: Site) -> Ticket:
  """The network of a genome as a ticket without weights: trainings begin from it as from any other."""
  graph, found = mobile.graph(genome, site), price(genome, site)
  costs, shape = Costs(supernet_params=found.params, supernet_macs=found.macs), (*site.image_size, 3)
  return Ticket(graph, graph, site.head, shape, {}, {}, survivors=all_of(graph, ()), task=TaskFacts(), sparsity=0.0, cost=costs)


def _taken(run: Run) -> TrainingCost:
  """What a training that failed has taken."""
  return run.trainer.meter.total(sum(row.get('seconds', 0.0) for row in run.workdir.history.rows()))


def genome_of(graph: Graph, genome: Genome) -> Genome:
  """The genome of what is left of a genome's network."""
  return genome.narrowed(mobile.widths(graph))


def _has_stalled(rows: Sequence[dict[str, Any]], metric: str, since: int, patience: int) -> bool:
  """Whether the score has not risen for as many epochs as `patience` says, of those that end after step `since`."""
  scores = [row['validation'][metric] for row in rows if row['event'] == 'epoch' and row['step'] > since]
  best = max(range(len(scores)), key=scores.__getitem__) if scores else 0
  return bool(patience) and len(scores) - 1 - best >= patience

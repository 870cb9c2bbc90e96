"""The stages of pipelines: search, train, prune, go back, train what is left.

A stage is one training of a pipeline, and what the folder of `--stages` holds (the stages of a network are `ArchSpec`'s). Every
stage is a run of its own in a folder that its settings and its source name. So pipelines that share a folder of stages
share the trainings too, and an interrupted pipeline continues inside the training that was interrupted.
"""

from collections.abc import Callable, Iterator
import dataclasses
import math
import pathlib
from typing import Any, Protocol

import numpy as np

from st_tf import wording
from st_tf.config import (
  PRUNED_LAYERS,
  Config,
  ConfigError,
  ElasticConfig,
  EvolutionConfig,
  PipelineConfig,
  PruningConfig,
  SearchConfig,
  TrainingConfig,
  TransferConfig,
  TunerConfig,
)
from st_tf.models import build
from st_tf.runs.cutting import cut, origin
from st_tf.runs.folder import WorkdirError, early, is_finished, tickets
from st_tf.runs.run import Run, begin, train_to_the_end
from st_tf.runs.start import fresh, prunable_weights
from st_tf.runs.workdir import Workdir
from st_tf.task import Task
from st_tf.ticket import Early, Ticket
from st_tf.ticket.moving import left_of
from st_tf.training.descent import Part
from st_tf.training.plan import Plan, searching_alone, training_alone
from st_tf.training.scope import EVERYTHING
from st_tf.training.trainer import Trainer

LAST = ('fine_tune', 'gmp')  # What trainings after the first are.
_KEPT_PER_ROUND = 0.8  # Each round prunes a fifth of what is left (Frankle and Carbin, ICLR 2019, section 2).


class Source(Protocol):
  """What a training starts from."""

  @property
  def fingerprint(self) -> str:
    """Changes with all of it."""


class Pipeline:
  """One run of several trainings.

  Args:
    task: what to train on.
    config: the run's settings.
    workdir: the run's folder.
  """

  def __init__(self, task: Task, config: Config, workdir: Workdir):
    self.task = task
    self.config = config
    self.workdir = workdir
    self._stages: list[pathlib.Path] = []
    self._search_facts: dict[str, Any] = {}

  def trained(self) -> Ticket:
    """The whole supernet, trained.

    Raises:
      RankingError: it cannot be as sparse as is asked for.
    """
    self._check_sparsity()
    return self.stage(alone(self.config, 'dense'), train_alone)

  def searched(self) -> Ticket:
    """The searched network with all its weights.

    Raises:
      RankingError: already the supernet cannot be as sparse as is asked for.
    """
    self._check_sparsity()
    ticket = self.stage(alone(self.config, 'search_only'), search_alone)
    facts = {'trimmed': ticket.provenance.trimmed, 'latency': ticket.provenance.latency}
    self._search_facts = {name: value for name, value in facts.items() if value}
    return ticket

  def pruned(self, ticket: Ticket, sparsity: float) -> Ticket:
    """The ticket pruned once, by one ranking of its weights; batch norms are recalibrated, nothing is trained."""
    pruning = dataclasses.replace(self.config.pruning, reactivation='masked', sparsity=(sparsity,))
    config = dataclasses.replace(self.config, pruning=pruning, init_from='')
    plan = training_alone(config, self.task.steps_per_epoch(config.batch_size)).holding(sparsity)
    shape = (*self.task.image_size, 3)
    prunable = prunable_weights(ticket.supernet, self.task.head, shape, lambda layer: EVERYTHING.stays_dense(layer, pruning))
    trainer = Trainer(ticket.arch, self.task, config, plan.pruning)
    trainer.descend(dataclasses.replace(Part.whole(ticket), masks={}, prunable=prunable))
    trainer.give(ticket.weights)
    trainer.prune(sparsity, final=True)
    batches = self.task.dataset('train', config.batch_size, training=True, seed=config.seed, epoch=config.epochs)
    return cut(trainer, batches.take(config.training.recalibration_batches), sparsity, origin(trainer, self.workdir.process.command, 0.0))

  def retrained(self, ticket: Ticket, first_step: int = 0) -> Ticket:
    """The ticket trained further under its mask, from training step `first_step` on."""
    config = dataclasses.replace(alone(self.config, 'fine_tune'), epochs=retrain_epochs(self.config), init_from='')
    config = dataclasses.replace(config, pruning=dataclasses.replace(config.pruning, sparsity=(ticket.sparsity,)))
    plan = training_alone(config, self.task.steps_per_epoch(config.batch_size)).holding(ticket.sparsity)

    def prepare(trainer: Trainer) -> None:
      trainer.give(ticket.weights, first_step)

    def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
      run = Run(fresh(task, config, plan, ticket), plan, workdir, prepare)
      train_to_the_end(run)
      return run.save_ticket(ticket.sparsity)

    return self.stage(config, draw, ticket)

  def lottery(self, first: Ticket) -> Iterator[Ticket]:
    """The tickets of iterative magnitude pruning with rewinding, one per sparsity (Frankle et al., ICML 2020, section 2).

    Weights are ranked by `--ranking`; published is 'global'. What the optimizer remembers is not rewound: each round begins without.

    Args:
      first: the trained network, of which the first stage has kept the early weights.
    """
    weights = early(self._stages[-1])
    if first.arch != first.supernet:
      weights = left_of(weights, first, build(first.supernet, first.head, first.input_shape))
    step = early_step(self.config, training_alone(self.config, self.task.steps_per_epoch(self.config.batch_size)))
    for target in self.config.pruning.sparsity:
      ticket = first
      for sparsity in levels(target, self.config.pipeline.prune_rounds):
        ticket = self.pruned(ticket, sparsity)
        values = {name: np.where(ticket.masks[name], value, 0) if name in ticket.masks else value for name, value in weights.items()}
        ticket = self.retrained(dataclasses.replace(ticket, weights=values), step)
      yield dataclasses.replace(ticket, early=Early(dict(weights), step))

  def keep(self, drawn: Iterator[Ticket]) -> Ticket:
    """Saves the run's own tickets, and what happened on the way to them; returns the last.

    Raises:
      OSError: they cannot be written.
    """
    last = None
    for last in drawn:
      spent = last.provenance.all_training
      facts = {'method': self.config.method, 'config': self.config.flat(), 'seconds': spent.seconds}
      last = dataclasses.replace(last, provenance=dataclasses.replace(last.provenance, **self._search_facts | facts))
      last.save(self.workdir.ticket_path(last.sparsity))
    self.workdir.history.retell(list(dict.fromkeys(self._stages)))
    return last

  def stage(self, config: Config, draw: Callable[[Task, Config, Workdir], Ticket], source: Source | None = None) -> Ticket:
    """The ticket of one training, drawn unless it is there.

    Args:
      config: of the training.
      draw: draws it into a folder.
      source: the ticket that it starts from, or what else decides its beginning.
    """
    path = self.workdir.stage_path(config, source.fingerprint if source else '')
    self._stages.append(path)
    if not is_finished(path):
      with self.workdir.stage(path, config) as stage:  # Another process may have finished it while this one waited.
        if not stage.is_finished:
          draw(self.task, config, stage)
          stage.finish()
    found = tickets(path)
    if len(found) != 1:
      raise WorkdirError(f'A stage has one ticket. Received: {len(found)} in {path}. Remove that folder, and it is trained again.')
    return Ticket.load(found[0])

  def _check_sparsity(self) -> None:
    """Before a first training, which would be in vain."""
    config, sparsity = self.config, max(self.config.pruning.sparsity)
    plan = training_alone(config, self.task.steps_per_epoch(config.batch_size)).holding(sparsity)
    fresh(self.task, config, plan).ranked(sparsity)


def levels(target: float, rounds: int) -> list[float]:
  """The sparsities after each round of iterative pruning; every round prunes the same share of what is left.

  Args:
    target: sparsity after the last.
    rounds: how many; 0 = as many as it takes at a fifth per round.
  """
  if rounds:
    return [*(1 - (1 - target) ** (number / rounds) for number in range(1, rounds)), target]
  needed = max(math.ceil(math.log(1 - target) / math.log(_KEPT_PER_ROUND) - 1e-9), 1)
  return [*(1 - _KEPT_PER_ROUND**number for number in range(1, needed)), target]


def retrain_epochs(config: Config) -> int:
  """Epochs of each training after the first."""
  return config.pipeline.retrain_epochs or config.epochs


def trial_epochs(config: Config) -> int:
  """Epochs of a tuner's trial; of the longest with Hyperband."""
  return config.tuner.trial_epochs or max(config.epochs // 4, 1)


def rounds(config: Config) -> list[tuple[str, float]]:
  """The trainings of iterative pruning after the first, and their epochs."""
  trainings = []
  for target in config.pruning.sparsity:
    epochs = retrain_epochs(config) - config.pipeline.rewind_to.epochs(config.epochs, unknown=0.0)
    trainings += [(f'train at {wording.sparsity(sparsity)}', epochs) for sparsity in levels(target, config.pipeline.prune_rounds)]
  return trainings


def alone(config: Config, method: str) -> Config:
  """The settings of one training of a pipeline: those that change nothing in it are at their defaults."""
  rewind = PipelineConfig(rewind_to=config.pipeline.rewind_to)
  further = {'tuner': TunerConfig(), 'evolution': EvolutionConfig(), 'elastic': ElasticConfig(), 'transfer': TransferConfig()}
  config = dataclasses.replace(config, method=method, pipeline=rewind, **further)
  if method not in LAST:
    config = unrounded(config)
  if method == 'fine_tune':
    masked = dataclasses.replace(PruningConfig(), **{name: getattr(config.pruning, name) for name in PRUNED_LAYERS})
    return dataclasses.replace(config, pruning=masked, search=SearchConfig())
  search = config.search if method == 'search_only' else SearchConfig()
  return dataclasses.replace(config, pruning=PruningConfig(sparsity=(0.0,)), search=search)


def unrounded(config: Config) -> Config:
  """The settings of a training that others follow: it sees no rounding."""
  blank = TrainingConfig()
  return dataclasses.replace(
    config, training=dataclasses.replace(config.training, quantize=blank.quantize, quantize_begin=blank.quantize_begin)
  )


def early_step(config: Config, plan: Plan) -> int:
  """The step of a first training, at least 1, whose weights are kept for later ones: before a search removes any."""
  return min(max(plan.steps(config.pipeline.rewind_to), 1), _first_look(plan), plan.total_steps)


def check_rewinding(config: Config, plan: Plan) -> None:
  """Refuses a moment that the rounds of a lottery cannot go back to.

  Args:
    config: the run's settings.
    plan: of the first training.

  Raises:
    ConfigError: the search may have removed units by then, or no training would be left.
  """
  step = max(plan.steps(config.pipeline.rewind_to), 1)
  if step > _first_look(plan):
    raise ConfigError(
      f'Weights go back to a moment before the search removes units. Received: --rewind_to at step {step}, the first look of the search'
      f' at step {_first_look(plan)}. Lower --rewind_to or raise --search_interval.'
    )
  left = retrain_epochs(config) * plan.steps_per_epoch
  if step >= left:
    raise ConfigError(
      f'Each round trains on from the moment it goes back to. Received: --rewind_to at step {step} of {left}. Lower --rewind_to or raise'
      ' --retrain_epochs.'
    )


def check_retraining(config: Config) -> None:
  """Refuses settings that no training after the first can have.

  Raises:
    ConfigError: such as more epochs of fine-tuning than there are.
  """
  dataclasses.replace(config, epochs=retrain_epochs(config))


def _first_look(plan: Plan) -> int:
  return min(plan.search_every, plan.search_end) if plan.search_every else plan.total_steps


def train_alone(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """The whole network, trained in `workdir`."""
  return _whole(task, config, workdir, training_alone(config, task.steps_per_epoch(config.batch_size)))


def search_alone(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """The network searched in `workdir`; it keeps all weights of the units that are left."""
  return _whole(task, config, workdir, searching_alone(config, task.steps_per_epoch(config.batch_size)))


def _whole(task: Task, config: Config, workdir: Workdir, plan: Plan) -> Ticket:
  run = begin(task, config, plan, workdir)
  train_to_the_end(run, early_step(config, plan))
  return run.save_ticket(0.0)

"""Search, train, prune and retrain: what keras-tuner and tfmot do one after the other, for a comparison with one training.

Each trial of the search trains an architecture from scratch, in a folder that its settings and its architecture name. The best
one is trained anew for all epochs, then pruned gradually and so retrained, once per sparsity. The cost of all of it counts.

Several processes share the trials when keras-tuner's variables say so: KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT are where
the chief listens, KERASTUNER_TUNER_ID is each process's own, and so is --workdir. The one with 'chief' in its id hands out the
trials and trains none of them; when all are done it goes on with the best, and the others end.
"""

from collections.abc import Callable
import dataclasses
import gc
import os
import pathlib
import sys
from typing import Any

from tensorboard.plugins.hparams import api as hparams
import tensorflow as tf

from st_tf import files, wording
from st_tf.arch.presets import is_graph
from st_tf.config import PRUNED_LAYERS, Config, ConfigError, PipelineConfig, SearchConfig
from st_tf.errors import NothingLeft
from st_tf.methods import _gradual as gradual
from st_tf.methods import _oracles as oracles
from st_tf.methods import _tuning as tuning
from st_tf.methods._method import SEARCHED, Method, Training
from st_tf.methods._pipeline import Pipeline, alone, retrain_epochs, trial_epochs, unrounded
from st_tf.methods._tuning import OBJECTIVE, Failed
from st_tf.methods._widths import Widths
from st_tf.runs.continuing import DivergedError
from st_tf.runs.run import Run, train_to_the_end
from st_tf.runs.start import fresh, prunable_weights
from st_tf.runs.target import shown
from st_tf.runs.workdir import Workdir
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.ticket.facts import TrainingCost
from st_tf.training.plan import Plan, training_alone
from st_tf.training.scope import EVERYTHING

_NOTHING = TrainingCost()
_EPOCHS = 'tuner/epochs'  # What Hyperband adds to the choices.


def plan(config: Config, steps_per_epoch: int) -> Plan:
  """What happens when in the best architecture's training.

  Raises:
    ConfigError: settings that one of the stages does not know.
  """
  tuning.check(config)
  for sparsity in config.pruning.sparsity:  # Before the search, since it would be in vain.
    gradual.plan(pruning(config, sparsity), steps_per_epoch)
  return training_alone(unrounded(config), steps_per_epoch)


def trainings(config: Config) -> list[Training]:
  """All trials as if of full length, though some of Hyperband's are shorter, then those of the best architecture."""
  return [
    Training(f'{config.tuner.trials} trials', config.tuner.trials * trial_epochs(config), SEARCHED),
    Training('train', config.epochs, SEARCHED),
    *(Training(f'prune to {wording.sparsity(level)}', retrain_epochs(config), SEARCHED) for level in config.pruning.sparsity),
  ]


def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """The ticket of the highest sparsity.

  Raises:
    NothingLeft: the process is a worker, and no trial is left.
    UserError: settings with which no search is possible, or no architecture could be trained.
  """
  plan(config, task.steps_per_epoch(config.batch_size))
  search = Search(task, config, workdir)
  trials = search.run()
  if not trials:
    raise NothingLeft('No trial is left: this worker ends, and the chief goes on with the best architecture.')
  pipeline, best = Pipeline(task, config, workdir), best_of(trials)
  source = search.space.untrained(best.left)
  try:
    trained = pipeline.stage(training(config, config.epochs), draw_from(source, search.space), source)
  except Failed as failure:  # Here it is no value that a search goes on with.
    raise failure.__cause__ from None
  prunable = prunable_weights(source.supernet, task.head, source.input_shape, lambda layer: EVERYTHING.stays_dense(layer, config.pruning))
  trained = dataclasses.replace(trained, cost=dataclasses.replace(trained.cost, supernet_prunable=prunable))

  def pruned(sparsity: float) -> Ticket:
    ticket = pipeline.stage(pruning(config, sparsity), lambda *given: gradual.prune_gradually(*given, trained), trained)
    return charged(ticket, trials, config, search.space.spent)

  ticket = pipeline.keep(pruned(sparsity) for sparsity in config.pruning.sparsity)
  for trial in trials:  # Again, since keeping tickets writes the folder anew.
    search.write(trial)
  return ticket


@dataclasses.dataclass(frozen=True)
class Trial:
  """One architecture that was tried.

  Attributes:
    number: from 1.
    values: fractions by group name, before the bound.
    left: units by group name; None = none meet the bound.
    epochs: of its training.
    macs: of the network.
    score: on the validation split; None = the trial failed.
    training: what it cost.
  """

  number: int
  values: dict[str, float]
  left: dict[str, int] | None
  epochs: int
  macs: int
  score: float | None = None
  training: TrainingCost = TrainingCost()

  def facts(self) -> dict[str, Any]:
    """What a ticket says of it."""
    return {'number': self.number, 'units': self.left, 'epochs': self.epochs, 'macs': self.macs, OBJECTIVE: self.score}


class Search:
  """A search, begun or continued.

  Args:
    task: what to train on.
    config: the run's settings.
    workdir: the run's folder.

  Raises:
    UserError: settings with which no search is possible.
  """

  def __init__(self, task: Task, config: Config, workdir: Workdir):
    tuning.check(config)
    kind = Widths if is_graph(config.supernet or task.default_supernet) else tuning.Space
    self.space = kind.of(task, config)
    self._task, self._config, self._workdir = task, config, workdir

  def run(self) -> tuple[Trial, ...]:
    """All trials, tried unless they are there; none in a worker, which does not know those of the others.

    Raises:
      Interrupted: by a signal; the same command continues.
      ConfigError: no architecture could be trained, or the processes do not reach each other.
    """
    if tuning.role(os.environ) == 'worker':
      tuning.search(self._tuner(self._workdir.path / 'tuner'), 'worker')
      return ()
    search = _search_alone(self._config)
    with self._workdir.stage(self._workdir.stage_path(search), search) as owner:  # A folder that runs with the same search share.
      tuner = self._tuner(owner.path / 'tuner')
      if not (owner.is_finished and tuner.oracle.trials):  # A chief would wait for workers that have ended.
        with self._workdir.process.sharing(tuner.oracle):
          tuning.search(tuner, tuning.role(os.environ))
      trials = tuple(self._trial(trial) for trial in tuner.oracle.trials.values())
      if not any(trial.score is not None for trial in trials):
        raise ConfigError(self._why_none(len(trials)))
      owner.finish()
    best = best_of(trials)
    print(f'best        trial {best.number}: {self._described(best)}', flush=True)
    return trials

  def write(self, trial: Trial) -> None:
    """Writes a trial for TensorBoard's HParams."""
    folder = self._workdir.path / 'tensorboard' / 'trials' / f'{trial.number:03d}'
    files.remove(folder)
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default():
      hparams.hparams(trial.values, trial_id=f'{trial.number:03d}')
      tf.summary.scalar('trial/macs', trial.macs, step=trial.epochs)
      if trial.score is not None:
        tf.summary.scalar(f'trial/{OBJECTIVE}', trial.score, step=trial.epochs)
    writer.close()

  def _tuner(self, folder: pathlib.Path) -> tuning.Tuner:
    choices = self.space.hyperparameters()
    try:
      return tuning.Tuner(self._run, oracles.chosen(self._config, choices), folder)
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
      print(f'warning: {folder} is damaged ({error}); the search starts anew and takes over what was trained.', file=sys.stderr)
      files.remove(folder)
      return tuning.Tuner(self._run, oracles.chosen(self._config, self.space.hyperparameters()), folder)

  def _run(self, given: Any) -> dict[str, float]:
    """Trains what keras-tuner calls a trial."""
    trial = self._trial(given)
    try:
      if trial.left is None:
        raise Failed(f'{self.space.smallest} the network is above --target_macs', TrainingCost())
      source = self.space.untrained(trial.left)
      # A pipeline of its own, that the locks of its folders end with it: another worker may want the same one.
      ticket = Pipeline(self._task, self._config, self._workdir).stage(
        training(self._config, trial.epochs), draw_from(source, self.space), source
      )
    except Failed as failure:
      self._tell(trial, f'failed: {failure}')
      raise
    finally:
      gc.collect()
    trial = dataclasses.replace(
      trial, score=ticket.metrics['validation'][self._task.primary_metric], training=ticket.provenance.all_training
    )
    self._tell(trial, self._described(trial))
    return {OBJECTIVE: trial.score} | dataclasses.asdict(trial.training)

  def _tell(self, trial: Trial, outcome: str) -> None:
    print(f'trial {trial.number:>3}/{self._config.tuner.trials}  {outcome}', flush=True)
    self.write(trial)

  def _described(self, trial: Trial) -> str:
    share, metric = trial.macs / self.space.macs, self._task.primary_metric
    return f'{trial.macs:,} MACs ({share:.1%})  {wording.score_name(metric)} {wording.score(metric, trial.score)}'

  def _trial(self, given: Any) -> Trial:
    chosen, space = given.hyperparameters.values, self.space
    values = {group.name: chosen[group.name] for group in space.groups}
    left = space.left(values)
    counted = {name: float(given.metrics.get_last_value(name)) for name in ('epochs', 'macs', 'seconds') if given.metrics.exists(name)}
    return Trial(
      number=int(given.trial_id) + 1,
      values=values,
      left=left,
      epochs=chosen.get(_EPOCHS) or trial_epochs(self._config),
      macs=round(space.least if left is None else space.macs_of(left)),
      score=float(given.metrics.get_last_value(OBJECTIVE)) if given.status == 'COMPLETED' else None,
      training=TrainingCost(**counted | {'macs': round(counted.get('macs', 0))}),
    )

  def _why_none(self, trials: int) -> str:
    space = self.space
    if space.least <= space.bound:
      return (
        f'At least one architecture can be trained. Received: {trials} trials, in all of which the loss became no finite number.'
        ' Try a lower --learning_rate, --gradient_clip=1 or a longer --warmup, with --fresh or another --workdir.'
      )
    return (
      f'--target_macs is at least what is left {space.smallest}, {shown(space.least, "MACs")} here'
      f' ({space.least / space.macs:.1%} of the supernet). Received: {self._config.search.target_macs:g}, with which all {trials} trials'
      ' failed. Raise it.'
    )


def best_of(trials: tuple[Trial, ...]) -> Trial:
  """The trial of the highest score, the first of several."""
  return max((trial for trial in trials if trial.score is not None), key=lambda trial: trial.score)


def charged(ticket: Ticket, trials: tuple[Trial, ...], config: Config, before: TrainingCost = _NOTHING) -> Ticket:
  """The ticket with what the trials cost added to what its own trainings did, and what they came to.

  At the end, since the trainings before may be shared with runs of other searches. A training counts once: also of two trials
  that the bound gives the same architecture, and also where a trial has been the best architecture's whole training.

  Args:
    ticket: of the last training.
    trials: all of them.
    config: the run's settings.
    before: what it took to know the space.
  """

  def name(trial: Trial, epochs: int) -> tuple[Any, ...]:
    return (tuple(sorted(trial.left.items())), training(config, epochs))

  spent = {name(trial, trial.epochs): trial.training for trial in trials if trial.left is not None}
  spent.pop(name(best_of(trials), config.epochs), None)
  total = sum(spent.values(), ticket.provenance.all_training + before)
  facts = dataclasses.replace(ticket.provenance, training=total, trials=[trial.facts() for trial in trials])
  return dataclasses.replace(ticket, provenance=facts)


def training(config: Config, epochs: int) -> Config:
  """The settings of the training of an architecture; one for fewer epochs has no fine-tuning."""
  fine_tuned = config.training if epochs == config.epochs else dataclasses.replace(config.training, fine_tune_epochs=0)
  return dataclasses.replace(alone(config, 'dense'), epochs=epochs, training=fine_tuned, pipeline=PipelineConfig())


def pruning(config: Config, sparsity: float) -> Config:
  """The settings of the last training, for one of the run's sparsities."""
  pruned = dataclasses.replace(config.pruning, sparsity=(sparsity,))
  return dataclasses.replace(alone(config, 'gmp'), epochs=retrain_epochs(config), pruning=pruned, pipeline=PipelineConfig())


def draw_from(source: Ticket, space: tuning.Space) -> Callable[[Task, Config, Workdir], Ticket]:
  """What trains the architecture of a ticket from what weights of the space begin with."""

  def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
    plan = training_alone(config, task.steps_per_epoch(config.batch_size))
    trainer = fresh(task, config, plan, source)
    run = Run(trainer, plan, workdir, lambda trainer: space.begin(trainer, source))
    try:
      train_to_the_end(run)
    except DivergedError as error:
      seconds = sum(row.get('seconds', 0.0) for row in workdir.history.rows())
      raise Failed(str(error), trainer.meter.total(seconds)) from error
    return run.save_ticket(0.0)

  return draw


def _search_alone(config: Config) -> Config:
  """The settings that a search depends on."""
  search = SearchConfig(target_macs=config.search.target_macs, search_residual=config.search.search_residual)
  return dataclasses.replace(alone(config, 'tuner'), search=search, tuner=config.tuner, pipeline=PipelineConfig())


METHOD = Method(
  plan=plan,
  draw=draw,
  reads=(
    *PRUNED_LAYERS,
    'target_macs',
    'target_latency_ms',
    'search_residual',
    'cost',
    'tuner',
    'trials',
    'trial_epochs',
    'retrain_epochs',
    'prune_begin',
    'prune_end',
    'prune_interval',
  ),
  trainings=trainings,
  is_shared=True,
)

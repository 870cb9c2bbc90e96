"""keras-tuner's oracles, which choose what a search tries next, for processes that come, go and die."""

import sys
import threading
from typing import Any
import warnings

import keras_tuner as kt
import numpy as np

from st_tf.config import Config
from st_tf.methods._pipeline import trial_epochs
from st_tf.methods._tuning import OBJECTIVE


class Durable:
  """Mixed into an oracle: where it cannot be written the search goes on, and ends with an error if it still cannot be then.

  Raised while another process asks, the error would reach nobody: keras-tuner would never let go of its lock, and all would wait for ever.

  Attributes:
    unwritten: what went wrong when it was last written.
  """

  unwritten: OSError | None = None
  _trials_left: frozenset[str] = frozenset()  # Which could not be written.

  def save(self) -> None:
    """Writes down how far the search has come.

    Raises:
      OSError: it cannot be written, and this process searches alone.
    """
    try:
      for number in [*self._trials_left]:  # What is noted of them goes with them, or the search would not go on.
        super()._save_trial(self.trials[number])
        self._trials_left = self._trials_left - {number}
      super().save()
      self.unwritten = None
    except OSError as error:
      self._note(error)

  def _save_trial(self, trial: Any) -> None:
    try:
      super()._save_trial(trial)
    except OSError as error:
      self._trials_left = self._trials_left | {trial.trial_id}
      self._note(error)

  def _note(self, error: OSError) -> None:
    if threading.current_thread() is threading.main_thread():
      raise error
    self.unwritten = error


class Patient(Durable):
  """Mixed into an oracle: processes that share a search stay until all trials have ended, and take over what one leaves."""

  @kt.synchronized
  def create_trial(self, tuner_id: str) -> Any:
    """The next trial of a process; nothing yet while others still train."""
    trial = super().create_trial(tuner_id)
    if trial.status == 'STOPPED' and self.ongoing_trials:
      self.tuner_ids.add(tuner_id)
      trial.status = 'IDLE'
    return trial


class Hyperband(Patient, kt.oracles.HyperbandOracle):
  """keras-tuner's."""


class Random(Patient, kt.oracles.RandomSearchOracle):
  """keras-tuner's."""


class Bayesian(Patient, kt.oracles.BayesianOptimizationOracle):
  """keras-tuner's, with draws that depend on the trial and not on the process: a search that continues goes on as it would have."""

  def populate_space(self, trial_id: str) -> dict[str, Any]:
    """Values for a trial."""
    self._random_state = np.random.RandomState(self.seed + int(trial_id))
    with warnings.catch_warnings():
      warnings.simplefilter('ignore')  # Of the fit, which a handful of points does not determine.
      return super().populate_space(trial_id)


def chosen(config: Config, choices: kt.HyperParameters) -> kt.Oracle:
  """What chooses the next architecture, as `--tuner` says."""
  trials = config.tuner.trials
  # To keras-tuner a seed of 0 is none. After three failures in a row it would give up.
  common = {'objective': kt.Objective(OBJECTIVE, 'max'), 'hyperparameters': choices, 'seed': config.seed + 1}
  common['max_consecutive_failed_trials'] = sys.maxsize
  if config.tuner.tuner == 'hyperband':
    hyperband = Hyperband(max_epochs=trial_epochs(config), hyperband_iterations=trials, **common)
    hyperband.max_trials = trials
    return hyperband
  if config.tuner.tuner == 'random':
    return Random(max_trials=trials, **common)
  # Its own default, three random trials per choice, is more than all trials of most searches.
  return Bayesian(max_trials=trials, num_initial_points=max(trials // 3, 2), **common)


@kt.synchronized
def forget(oracle: kt.Oracle, name: str) -> None:
  """Takes back what a worker that is gone was training: the next that asks goes on with it."""
  oracle.tuner_ids.discard(name)
  trial = oracle.ongoing_trials.pop(name, None)
  if trial is not None:
    print(f'worker {name} has died; its trial goes to another one.', file=sys.stderr, flush=True)
    oracle._retry_queue.append(trial.trial_id)
  oracle.save()

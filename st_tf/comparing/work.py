"""The runs of a comparison: which of them are known, and doing the others."""

from collections.abc import Callable, Iterable, Mapping
import pathlib
import sys
import traceback
from typing import Any

import tqdm

from st_tf import wording
from st_tf.comparing import runner
from st_tf.comparing.record import Record, Records
from st_tf.config import Identity
from st_tf.errors import UserError
from st_tf.runs.folder import digests, is_finished

Measure = Callable[[pathlib.Path, str], Record]


class Work:
  """Runs and what they came to.

  Args:
    root: of the comparison; runs and their stages are in `root/runs`.
    records: of finished runs, which may be another machine's.
    measure: (folder of a ticket, split whose scores are wanted) -> its record.
    metric: the score that is told of a run.
    launch: trains one run; see `runner.Launcher`.
    jobs: runs at a time.
  """

  def __init__(self, root: pathlib.Path, records: Records, measure: Measure, metric: str, launch: Any, jobs: int):
    self.records = records
    self._root, self._measure, self._metric, self._jobs = root, measure, metric, jobs
    self._launch = launch

  def path(self, run: Identity) -> pathlib.Path:
    """The folder of a run."""
    return self._root / 'runs' / run.run_name()

  def find(self, run: Identity, split: str) -> Record | None:
    """What is known of a run, if that includes its scores on a split."""
    record = self.records.find(run)
    return record if record is not None and split in record.metrics else None

  def is_done(self, run: Identity, split: str) -> bool:
    """Whether nothing is left to be trained for the run."""
    return self.find(run, split) is not None or is_finished(self.path(run))

  def has_stage(self, name: str) -> bool:
    """Whether the training of that name, a part of runs, is finished."""
    return is_finished(self._root / 'runs' / name)

  def do(self, runs: Iterable[Identity], title: str, split: str) -> dict[pathlib.Path, str]:
    """Trains what is not done, and writes down what each run came to; {folder: error} of those without a ticket.

    Args:
      runs: of which those are trained that are not known.
      title: of the progress display.
      split: whose scores are wanted.

    Raises:
      KeyboardInterrupt: by the user; what was running is saved.
    """
    unknown = {self.path(run): run for run in runs if self.find(run, split) is None}
    left = {path: run for path, run in unknown.items() if not is_finished(path)}
    errors = {path: self._private(self._keep(unknown[path], split)) for path in unknown.keys() - left.keys()}
    (self._root / 'runs').mkdir(parents=True, exist_ok=True)
    with tqdm.tqdm(total=len(left), desc=title, disable=not left or not sys.stderr.isatty(), unit='run') as bar:
      for number, outcome in enumerate(runner.run(left, self._launched, self._launch.stop, self._jobs), 1):
        done = left[outcome.path]
        error = self._private(outcome.error or self._keep(done, split))
        errors[outcome.path] = error
        bar.update()
        tqdm.tqdm.write(f'[{number}/{len(left)}] {self._said(done, error)}', file=sys.stdout)
        sys.stdout.flush()
    return {path: error for path, error in errors.items() if error}

  def _launched(self, run: Identity, path: pathlib.Path) -> str:
    """Trains a run, unless it would not be the one that was asked for."""
    try:
      now = Identity.of(run.settings, run.digests.get('task', '')).digests
    except UserError as error:
      return str(error)
    name = _changed(run, dict.fromkeys(run.digests, '') | now)
    if name:
      received = 'another one' if now.get(name) else 'none'
      return f'The file of --{name} stays as it is during a comparison. Received: {received}. Put it back.'
    print(f'running {self._named(run)}; its log is {self._private(str(runner.log_of(self._root, path)))}', flush=True)
    return self._launch(run.settings, path)

  def _keep(self, run: Identity, split: str) -> str:
    """Writes the record of a finished run; says why where its ticket cannot be used, which is a line in the table, too."""
    path = self.path(run)
    try:
      changed = _changed(run, digests(path))
      if changed:
        return f'A run is of the files that its settings name. Received: {path}, of another --{changed}. Remove that folder.'
      self.records.keep(run, self._measure(path / 'tickets' / f'sparsity_{run.settings.pruning.sparsity[-1]:g}', split))
    except (UserError, OSError) as error:
      return str(error)
    except Exception as error:  # Such as too little memory: the other runs go on.
      traceback.print_exc()
      return f'{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else "without a message"}'
    return ''

  def _private(self, error: str) -> str:
    return error.replace(f'{self._root}/', '')

  def _named(self, run: Identity) -> str:
    config = run.settings
    level, rate = wording.sparsity(config.pruning.sparsity[-1]), config.training.learning_rate
    return f'{config.method} at {level}, seed {config.seed}, learning rate {rate:g}'

  def _said(self, run: Identity, error: str) -> str:
    name = self._named(run)
    if error:
      return f'{name}: failed. {error}'
    record = self.records.find(run)
    shown = wording.score(self._metric, record.metrics['validation'][self._metric])
    return f'{name}: {shown} on validation, {wording.duration(record.training.seconds)} of training'


def _changed(run: Identity, now: Mapping[str, str]) -> str:
  """The setting whose file is no more what it was when the comparison began; empty where all are."""
  return next((name for name, digest in now.items() if run.digests.get(name) != digest), '')

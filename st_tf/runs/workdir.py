"""A run's folder: settings, checkpoints, metrics, tickets; how a run continues after anything that can happen to it.

config.json  contents.json  metrics.jsonl  tensorboard/  checkpoints/STEP/  tickets/sparsity_0.9/  stages/METHOD-SEED-.../
"""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import errno
import fcntl
import json
import pathlib
import sys
import time
from typing import Any

import numpy as np
import tensorflow as tf

from st_tf import files
from st_tf.config import Config, Identity
from st_tf.errors import UserError
from st_tf.runs.process import CALLED, Process
from st_tf.training.state import State

_CONFIG = 'config.json'
_DIGESTS = 'contents.json'  # Digests of what was in the files that settings name.
_FINISHED = 'finished.json'
_EARLY = 'early.safetensors'
_STAGES = 'stages'
_POLL_SECONDS = 2.0
_METRICS = 'metrics.jsonl'
_LOCK = '.lock'
_STATE = 'state.json'
_ARRAYS = 'state.safetensors'


class WorkdirError(UserError):
  """A folder that this run cannot use."""


class Workdir:
  """The folder of one run.

  Args:
    path: where it is; created when missing.
    identity: the run's; of settings alone, what is in their files now.
    process: that the run is in.
    fresh: whether to forget what an earlier run has left there.
    stages: folder of the trainings this run is made of, which other runs may share; None = `stages` in its own.
    wait: whether to wait for another process that uses the folder.

  Attributes:
    path: where it is.
    identity: the run's.
    process: that the run is in.

  Raises:
    WorkdirError: the folder cannot be written, is in use, or belongs to a run with other settings.
  """

  def __init__(
    self,
    path: str | pathlib.Path,
    identity: Identity | Config,
    process: Process = CALLED,
    *,
    fresh: bool = False,
    stages: str | pathlib.Path | None = None,
    wait: bool = False,
  ):
    self.identity = identity if isinstance(identity, Identity) else Identity.of(identity)
    self.process = process
    self.path = pathlib.Path(path).expanduser().resolve()
    self._stages = pathlib.Path(stages).expanduser().resolve() if stages else self.path / _STAGES
    self._keep = self.identity.settings.keep_checkpoints
    try:
      self.path.mkdir(parents=True, exist_ok=True)
      self._lock(wait)
      if fresh:
        self._forget()
      for rest in self._checkpoints.glob('.*'):
        files.remove(rest)
      self._claim()
      tf.io.gfile.makedirs(str(self.path / 'tensorboard'))
    except BlockingIOError as error:
      raise WorkdirError(f'One process at a time uses a workdir. Received: {self.path}, which another one uses. Wait for it.') from error
    except OSError as error:
      if error.errno == errno.ENOSPC:
        raise WorkdirError(f'--workdir has room. Received: {self.path} ({error}). Make room and give {process.again} again.') from error
      raise WorkdirError(f'--workdir is a folder that can be written. Received: {self.path} ({error}). Choose another.') from error
    self._writer: Any = None

  # Checkpoints.

  def save(self, state: State) -> bool:
    """Writes a checkpoint and removes the oldest ones; a full disk is reported and the older ones stay.

    Returns:
      Whether it was written.
    """
    path = self._checkpoints / f'{state.facts["step"]:08d}'

    def fill(folder: pathlib.Path) -> None:
      files.write_arrays(folder / _ARRAYS, state.arrays)
      facts = state.facts | {'digest': files.digest(state.arrays)}
      (folder / _STATE).write_text(json.dumps(facts) + '\n', encoding='utf-8')

    try:
      files.write_folder(path, fill)
    except OSError as error:
      print(f'warning: no checkpoint at step {state.facts["step"]}: {error}. The previous one stays.', file=sys.stderr)
      return False
    for old in self._saved()[self._keep :]:
      files.remove(old)
    return True

  def latest(self) -> State | None:
    """The newest checkpoint that can be read; broken ones are reported and passed over."""
    saved = self._saved()
    for path in saved:
      try:
        facts = files.read_json(path / _STATE)
        arrays = files.read_arrays(path / _ARRAYS)
        if files.digest(arrays) != facts.pop('digest'):
          raise ValueError('the arrays do not match their digest')
        return State(facts, arrays)
      except (ValueError, KeyError, TypeError, AttributeError) as error:
        instead = 'the run starts from the beginning' if path == saved[-1] else 'using the one before it'
        print(f'warning: checkpoint {path} is broken ({error}); {instead}.', file=sys.stderr)
        # Out of the way, or it would count as one of those that are kept.
        aside = path.with_name(f'broken_{path.name}')
        files.remove(aside)
        path.rename(aside)
    return None

  @property
  def has_checkpoint(self) -> bool:
    """Whether there is something to continue from."""
    return bool(self._saved()) or self._stages.is_dir()

  @property
  def _checkpoints(self) -> pathlib.Path:
    return self.path / 'checkpoints'

  def _saved(self) -> list[pathlib.Path]:
    if not self._checkpoints.is_dir():
      return []
    return sorted((path for path in self._checkpoints.iterdir() if path.name.isdigit()), reverse=True)

  # Metrics.

  def record(self, row: Mapping[str, Any]) -> None:
    """Appends one row to metrics.jsonl, and its numbers to TensorBoard; a full disk is reported and the run goes on."""
    try:
      with open(self.path / _METRICS, 'a', encoding='utf-8') as file:
        file.write(json.dumps(row) + '\n')
    except OSError as error:
      print(f'warning: no row of metrics at step {row["step"]}: {error}.', file=sys.stderr)
    with self._board():
      for name, value in _scalars(row):
        tf.summary.scalar(f'{row["event"]}/{name}', value, step=row['step'])

  def histogram(self, values: Mapping[str, np.ndarray], step: int) -> None:
    """Writes distributions to TensorBoard."""
    with self._board():
      for name, value in values.items():
        tf.summary.histogram(name, value, step=step)

  def retell(self, stages: Sequence[pathlib.Path]) -> None:
    """Makes the metrics those of the run's stages, one after the other; each row names its stage."""
    files.remove(self.path / 'tensorboard')
    self._writer = None
    (self.path / _METRICS).unlink(missing_ok=True)
    steps = epochs = 0
    for stage in stages:
      rows = history(stage)
      for row in rows:
        self.record(row | {'step': row['step'] + steps, 'epoch': row['epoch'] + epochs, 'stage': stage.name})
      steps, epochs = (past + max((row[name] for row in rows), default=0) for past, name in ((steps, 'step'), (epochs, 'epoch')))

  def history(self) -> list[dict[str, Any]]:
    """Every row so far; unfinished lines are left out."""
    return history(self.path)

  def rewind(self, step: int) -> None:
    """Forgets the rows after `step`: the run is about to live through them again."""
    rows = [row for row in self.history() if row['step'] <= step]
    try:
      files.write_text(self.path / _METRICS, ''.join(json.dumps(row) + '\n' for row in rows))
    except OSError as error:
      raise WorkdirError(f'{_METRICS} can be written. Received: {error}. Make room and give {self.process.again} again.') from error

  def _board(self):
    if self._writer is None:
      self._writer = tf.summary.create_file_writer(str(self.path / 'tensorboard'))
    return self._writer.as_default()

  # Tickets.

  def ticket_path(self, sparsity: float) -> pathlib.Path:
    """Where the ticket of that sparsity is or will be."""
    return self.path / 'tickets' / f'sparsity_{sparsity:g}'

  def tickets(self) -> list[pathlib.Path]:
    """Folders of the tickets that are there."""
    return tickets(self.path)

  # Stages.

  def stage_path(self, config: Config, source: str = '') -> pathlib.Path:
    """Where one training of this run is: one and the same place for all runs that need just that training and share `stages`.

    Args:
      config: of the training.
      source: fingerprint of the ticket that it starts from.
    """
    return self._stages / self.identity.derived(config).run_name(source)

  @contextlib.contextmanager
  def stage(self, path: pathlib.Path, config: Config) -> Iterator['Workdir']:
    """The folder at `path`, kept from other processes for a while; waits for one that uses it."""
    found = Workdir(path, self.identity.derived(config), self.process, stages=self._stages, wait=True)
    try:
      yield found
    finally:
      found._held.close()

  def keep_early(self, values: Mapping[str, np.ndarray]) -> None:
    """Writes down the weights of an early moment, which a later stage goes back to."""
    files.write_arrays(self.path / _EARLY, values)

  def finish(self) -> None:
    """Notes that all tickets of the run are there."""
    files.write_text(self.path / _FINISHED, json.dumps([path.name for path in tickets(self.path)]) + '\n')

  @property
  def is_finished(self) -> bool:
    """Whether `finish` was called and the tickets are still there."""
    return is_finished(self.path)

  # The folder itself.

  def _forget(self) -> None:
    if {entry.name for entry in self.path.iterdir()} > {_LOCK} and not (self.path / _CONFIG).exists():
      raise WorkdirError(
        f"--fresh empties a run's folder only. Received: {self.path}, which holds other things and no {_CONFIG}. Choose another."
      )
    for name in ('checkpoints', 'tickets', 'tensorboard', _STAGES):
      files.remove(self.path / name)
    for name in (_FINISHED, _EARLY, _METRICS, _DIGESTS, _CONFIG):  # The configuration last: it is what makes this a run's folder.
      (self.path / name).unlink(missing_ok=True)

  def _lock(self, wait: bool) -> None:
    """Keeps other processes out; the system lets go when this one ends, however it ends."""
    self._held = open(self.path / _LOCK, 'w')
    try:
      fcntl.lockf(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
      return
    except BlockingIOError:
      if not wait:
        raise
    print(f'Waiting for another process, which trains {self.path.name}.', flush=True)
    while True:  # Asked again and again, since a call that blocks would not hear Ctrl-C before the lock is free.
      time.sleep(_POLL_SECONDS)
      with contextlib.suppress(BlockingIOError):
        return fcntl.lockf(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)

  def _claim(self) -> None:
    path = self.path / _CONFIG
    if path.exists() and (self._saved() or any(self.tickets())):
      self._compare()
    else:
      files.write_text(self.path / _DIGESTS, json.dumps(self.identity.digests) + '\n')
    files.write_text(path, self.identity.settings.to_json())

  def _compare(self) -> None:
    path = self.path / _CONFIG
    try:
      before = Config.from_json(path.read_text(encoding='utf-8'))
    except ValueError as error:
      raise WorkdirError(f'{path} is what a run wrote. Received: {error} Use another --workdir, or --fresh to start over.') from error
    changed, why = self.identity.changed_from(before, digests(self.path), self.is_finished), ''
    if not changed:
      return
    if before.epochs != self.identity.settings.epochs:
      why = ' Every schedule depends on --epochs, so that a longer run is another run from its first step on.'
    raise WorkdirError(
      f'A workdir belongs to one configuration. Received: {", ".join(changed)} in {self.path}.{why}'
      ' Go back to what it had, or use another --workdir, or --fresh to start over.'
    )


def digests(path: pathlib.Path) -> dict[str, str]:
  """Digests of what was in the files that the settings of the run in that folder name, by setting.

  Raises:
    WorkdirError: they are damaged.
  """
  path = path / _DIGESTS
  try:
    return dict(files.read_json(path)) if path.exists() else {}
  except (ValueError, TypeError) as error:
    raise WorkdirError(f'{path} is what a run wrote. Received: {error}. Use another --workdir, or remove that folder.') from error


def tickets(path: pathlib.Path) -> list[pathlib.Path]:
  """Folders of the tickets of the run in that folder."""
  return sorted(folder for folder in (path / 'tickets').glob('sparsity_*') if folder.is_dir())


def history(path: pathlib.Path) -> list[dict[str, Any]]:
  """Every row of metrics of the run in that folder; unfinished lines are left out."""
  path = path / _METRICS
  rows = []
  for line in path.read_text(encoding='utf-8').splitlines() if path.exists() else []:
    try:
      rows.append(json.loads(line))
    except json.JSONDecodeError:
      continue
  return rows


def early(path: pathlib.Path) -> dict[str, np.ndarray]:
  """The early weights that the run in that folder has kept.

  Raises:
    WorkdirError: none, or they are damaged.
  """
  try:
    return files.read_arrays(path / _EARLY)
  except (OSError, ValueError) as error:
    raise WorkdirError(f'A first stage keeps its early weights. Received: {error} in {path}. Remove that folder.') from error


def is_finished(path: pathlib.Path) -> bool:
  """Whether the run in that folder has come to its end and its tickets are still there."""
  finished = path / _FINISHED
  return finished.is_file() and all((path / 'tickets' / name).is_dir() for name in files.read_json(finished))


def _scalars(row: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
  for name, value in row.items():
    if isinstance(value, Mapping):
      yield from ((f'{name}_{inner}', score) for inner, score in _scalars(value))
    elif isinstance(value, (int, float)) and name != 'step':
      yield name, value

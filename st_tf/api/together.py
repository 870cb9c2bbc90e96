"""The folder of a run that several workers train: the chief writes it, the others keep a copy of their own for the time being."""

from collections.abc import Callable, Iterator
import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import tempfile

import tensorflow as tf

from st_tf import files, methods
from st_tf.config import Config, ConfigError, Identity
from st_tf.errors import Interrupted, UserError
from st_tf.runs import lock
from st_tf.runs.process import Lines, Process
from st_tf.runs.workdir import Workdir
from st_tf.training import replicas
from st_tf.workers import WorkerLost

_ENDED = 'worker_{}_ended.txt'
_STATES = ('state.json', 'finished.json')  # Of checkpoints, and of runs.


@contextlib.contextmanager
def opened(
  path: str | os.PathLike[str],
  config: Config,
  identity: Identity,
  process: Process,
  *,
  fresh: bool = False,
  stages: str | os.PathLike[str] | None = None,
) -> Iterator[Workdir]:
  """The run's folder, kept from other processes for a while.

  All workers do the same, on the same numbers. So only the chief's folder stays: the others begin with a copy of it, which has to be on
  storage that all of them see, and write what they write into that copy.

  Args:
    path: where the run's folder is.
    config: the run's settings.
    identity: what makes the run the one it is.
    process: that the run is in.
    fresh: whether to forget what an earlier run has left there.
    stages: folder of the trainings that runs of several are made of.

  Raises:
    UserError: the folder cannot be used, several workers do not suit the run, or another worker ended, which says why.
    WorkerLost: another worker does not answer.
  """
  place = replicas.place(config)
  if place.count == 1:
    with contextlib.closing(Workdir(path, identity, process, fresh=fresh, stages=stages, wait=bool(stages))) as found:
      yield found
    return
  if stages or methods.named(config.method).is_shared:
    given = '--stages' if stages else f'--method={config.method}, which hands its trainings to processes of their own'
    raise ConfigError(f'Several workers train one network at a time. Received: {given}. Leave it out, or train on one worker.')
  where, notes, stopped = replicas.strategy(config), _Notes(files.expanded(path).resolve(), place.index), []
  process = dataclasses.replace(process, stopping=_agreeing(process.stopping, where, stopped))
  worker = _chief(notes, identity, process, fresh, where) if place.is_chief else _other(notes, identity, process, where)
  try:
    with replicas.watched('while it trained'):
      try:
        yield from worker
      except Interrupted:
        if stopped:  # By agreement: so the others are here too.
          notes.forget()
          replicas.agreed(where, False)
        raise
      replicas.agreed(where, False)  # Whoever ends first would be taken for lost.
  except WorkerLost as lost:
    reason = notes.reason()
    if reason is None:
      raise
    raise reason from lost


def _chief(notes: '_Notes', identity: Identity, process: Process, fresh: bool, where: tf.distribute.Strategy) -> Iterator[Workdir]:
  try:
    found = Workdir(notes.shared, identity, process, fresh=fresh)
  except UserError:
    replicas.agreed(where, True)
    raise
  with contextlib.closing(found), notes.of_what_ends():
    replicas.agreed(where, False)
    _check_settings(identity, where)
    if replicas.agreed(where, False):
      raise ConfigError(f'All workers see the folder of the run. Received: {found.path}, which one of them does not. Take a shared one.')
    _check_state(found, where)
    yield found


def _other(notes: '_Notes', identity: Identity, process: Process, where: tf.distribute.Strategy) -> Iterator[Workdir]:
  shared = notes.shared
  if replicas.agreed(where, False):
    raise UserError(f'A run begins with its chief. Received: worker 0 could not use {shared}. It says why.')
  with tempfile.TemporaryDirectory(prefix='st_tf_worker_') as kept, notes.of_what_ends():
    _check_settings(identity, where)
    copy = pathlib.Path(kept) / shared.name
    seen = shared.is_dir()
    if seen:
      shutil.copytree(shared, copy, ignore=shutil.ignore_patterns(lock.NAME))
    if replicas.agreed(where, not seen):
      raise UserError(f'All workers see the folder of the run. Received: {shared}, which one of them does not. Take a shared one.')
    print(f'Worker {notes.index} trains along; worker 0 writes {shared}.', flush=True)
    with open(os.devnull, 'w') as nowhere, contextlib.redirect_stdout(nowhere):
      with contextlib.closing(Workdir(copy, identity, dataclasses.replace(process, bar=Lines))) as found:
        _check_state(found, where)
        yield found


def _check_settings(identity: Identity, where: tf.distribute.Strategy) -> None:
  """Refuses to begin where another worker would train something else; all of them do.

  Raises:
    ConfigError: naming what is not the same everywhere.
  """
  settings = {name: json.dumps(value, sort_keys=True) for name, value in identity.decisive().items()}
  flags = ', '.join(f'--{name}={settings[name]}' for name in replicas.differing(where, settings))
  if flags:
    raise ConfigError(
      f'All workers train the same run. Received: {flags} here, something else on another worker. Give all of them the same command; what'
      ' is chosen by the machine (a batch that fits into its memory, trained weights at hand) has to be said.'
    )


def _check_state(found: Workdir, where: tf.distribute.Strategy) -> None:
  """Refuses to go on from other checkpoints than another worker does, whose folder then is another one.

  Raises:
    ConfigError: so it is.
  """
  states = sorted(path for path in found.path.rglob('*.json') if path.name in _STATES)
  told = b''.join(path.relative_to(found.path).as_posix().encode() + path.read_bytes() for path in states)
  if replicas.differing(where, {'state': hashlib.sha256(told).hexdigest()}):
    raise ConfigError(f'All workers go on from the same state. Received: folders {found.path.name} that differ. Take one that all see.')


class _Notes:
  """What ends a worker alone, left in the run's folder for the others, who only see that it is gone.

  Args:
    shared: the run's folder.
    index: of this worker.
  """

  def __init__(self, shared: pathlib.Path, index: int):
    self.shared, self.index = shared, index
    self._before = dict(self._found())

  @contextlib.contextmanager
  def of_what_ends(self) -> Iterator[None]:
    """Within it an error that the user can put right, and an interruption, leave a note."""
    try:
      yield
    except (UserError, Interrupted, KeyboardInterrupt) as error:
      with contextlib.suppress(OSError):
        files.write_text(self._own, str(error) or 'It was stopped.')
      raise

  def forget(self) -> None:
    """Removes this worker's."""
    with contextlib.suppress(OSError):
      self._own.unlink()

  def reason(self) -> UserError | None:
    """What another worker has said since then that it ended by, if it did."""
    for path, when in self._found():
      with contextlib.suppress(OSError):
        if path != self._own and self._before.get(path) != when:
          ended = path.stem.replace('_', ' ')
          return UserError(f'All workers train to the end. Received: another one has ended ({ended}): {path.read_text(encoding="utf-8")}')
    return None

  @property
  def _own(self) -> pathlib.Path:
    return self.shared / _ENDED.format(self.index)

  def _found(self) -> Iterator[tuple[pathlib.Path, int]]:
    for path in sorted(self.shared.glob(_ENDED.format('*'))):
      with contextlib.suppress(OSError):
        yield path, path.stat().st_mtime_ns


def _agreeing(
  stopping: Callable[[], contextlib.AbstractContextManager[Callable[[], str]]], where: tf.distribute.Strategy, stopped: list[str]
) -> Callable[[], contextlib.AbstractContextManager[Callable[[], str]]]:
  """As `stopping`, of which all workers hear when one of them is asked to stop, which is noted in `stopped`."""

  @contextlib.contextmanager
  def together() -> Iterator[Callable[[], str]]:
    with stopping() as asked:

      def answer() -> str:
        own = asked()
        if replicas.agreed(where, bool(own)):
          stopped.append(own or 'another worker was stopped')
          return stopped[-1]
        return ''

      yield answer

  return together

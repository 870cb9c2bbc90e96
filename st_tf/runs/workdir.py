"""A run's folder while the run is in it: how a run continues after anything that can happen to it."""

from collections.abc import Iterator, Mapping
import contextlib
import errno
import json
import pathlib
import sys
from typing import Any

import numpy as np

from st_tf import files, plain
from st_tf.config import OF_THE_MACHINE, Config, Identity
from st_tf.config.fields import shown
from st_tf.config.named_files import without_folder
from st_tf.runs import claimed, folder, lock
from st_tf.runs.checkpoints import Checkpoints
from st_tf.runs.folder import WorkdirError
from st_tf.runs.history import History
from st_tf.runs.process import CALLED, Process
from st_tf.ticket import Ticket, TicketError

_COMPARED_BY = ('method', 'supernet', 'epochs', 'batch_size', 'learning_rate', 'sparsity', 'seed')


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
    checkpoints: what the run continues from.
    history: what happened so far.

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
    self.path = files.expanded(path).resolve()
    self._stages = files.expanded(stages).resolve() if stages else self.path / folder.STAGES
    self.checkpoints = Checkpoints(self.path / folder.CHECKPOINTS, self.identity.settings.keep_checkpoints)
    self.history = History(self.path, process.again, _told(self.identity.settings))
    try:
      self.path.mkdir(parents=True, exist_ok=True)
      self._lock = lock.Lock(self.path, wait, process.waiting)
      self._begin(fresh)
    except BlockingIOError as error:
      raise claimed.in_use(self.path) from error
    except OSError as error:
      if error.errno == errno.ENOSPC:
        way_out = f'Make room and give {process.again} again.'
        raise WorkdirError(f'--workdir has room. Received: {self.path} ({error}). {way_out}') from error
      raise WorkdirError(f'--workdir is a folder that can be written. Received: {self.path} ({error}). Choose another.') from error

  def _begin(self, fresh: bool) -> None:
    try:
      for part in (self.path, self.path / folder.TICKETS):
        files.tidy(part)
      self.checkpoints.tidy()
      if fresh:
        self._forget()
      self._claim()
      (self.path / folder.BOARD).mkdir(exist_ok=True)
    except BaseException:  # Who keeps the error, as notebooks do, keeps this folder too.
      self.close()
      raise

  @property
  def has_checkpoint(self) -> bool:
    """Whether there is something to continue from."""
    return self.checkpoints.any() or self._stages.is_dir()

  # Tickets.

  def ticket_path(self, sparsity: float) -> pathlib.Path:
    """Where the ticket of that sparsity is or will be."""
    return self.path / folder.TICKETS / f'sparsity_{sparsity:g}'

  def tickets(self) -> list[pathlib.Path]:
    """Folders of the tickets that are there."""
    return folder.tickets(self.path)

  def finish(self) -> None:
    """Notes that all tickets of the run are there.

    Raises:
      WorkdirError: one of an earlier process cannot be read any more.
    """
    for path in self.tickets():
      try:
        Ticket.load(path)
      except TicketError as error:
        raise folder.unreadable(self.path, error) from error
    folder.finish(self.path)

  @property
  def is_finished(self) -> bool:
    """Whether `finish` was called and the tickets are still there."""
    return folder.is_finished(self.path)

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
      found.close()

  def close(self) -> None:
    """Lets other processes use the folder."""
    self._lock.release()

  def keep_early(self, values: Mapping[str, np.ndarray]) -> None:
    """Writes down the weights of an early moment, which a later stage goes back to.

    Raises:
      WorkdirError: they cannot be written.
    """
    path = self.path / folder.EARLY
    try:
      files.write_file(path, lambda unfinished: files.write_arrays(unfinished, values, with_digest=True))
    except OSError as error:
      raise folder.unwritable(path, error) from error

  # Whose folder it is.

  def _forget(self) -> None:
    if {entry.name for entry in self.path.iterdir()} - {lock.NAME, *folder.OWN_FILES} and not (self.path / folder.CONFIG).exists():
      raise WorkdirError(
        f"--fresh empties a run's folder only. Received: {self.path}, which holds other things and no {folder.CONFIG}. Choose another."
      )
    # What says that the run is finished goes first, since not all of it is there any more; the configuration last: it is what makes this
    # a run's folder, in which --fresh can be given again.
    (self.path / folder.FINISHED).unlink(missing_ok=True)
    for name in (folder.TICKETS, folder.CHECKPOINTS, folder.BOARD, folder.STAGES, folder.WORKERS):
      files.remove(self.path / name)
    for name in folder.OWN_FILES:
      (self.path / name).unlink(missing_ok=True)

  def _claim(self) -> None:
    path = self.path / folder.CONFIG
    if path.exists() and (self.checkpoints.any() or self.tickets()):
      self._compare()
    else:
      files.write_text(self.path / folder.DIGESTS, json.dumps(plain.sealed(self.identity.digests)) + '\n')
    files.write_text(path, self.identity.settings.to_json())

  def _compare(self) -> None:
    path = self.path / folder.CONFIG
    try:
      before, digests = Config.from_json(path.read_bytes()), folder.digests(self.path)
    except WorkdirError as error:
      if self._is_of_checkpoint(error):
        return
      raise
    except ValueError as error:
      if self._is_of_checkpoint(error):
        return
      raise WorkdirError(f'{path} is what a run wrote. Received: {error} Use another --workdir, or --fresh to start over.') from error
    changed = self.identity.changed_from(before, digests, self.is_finished)
    if not changed or self._is_of_checkpoint(', '.join(changed)):
      return
    raise claimed.other_run(self.path, changed, before.epochs != self.identity.settings.epochs)

  def _is_of_checkpoint(self, why: object) -> bool:
    """Whether the newest checkpoint is of this run, which says so where the files beside it do not."""
    state = self.checkpoints.latest()
    if state is None or state.facts.get('config') != self.identity.fingerprint:
      return False
    print(f'warning: {folder.CONFIG} or {folder.DIGESTS} in {self.path} is damaged ({why}). The checkpoint is whole.', file=sys.stderr)
    files.write_text(self.path / folder.DIGESTS, json.dumps(plain.sealed(self.identity.digests)) + '\n')
    return True


def _told(config: Config) -> dict[str, Any]:
  """What tells a run from others: settings that runs are usually compared by, and those that are not at their defaults."""
  usual = Config().flat()
  chosen = {name: value for name, value in config.flat().items() if name in _COMPARED_BY or value != usual[name]}
  return {
    name: value if isinstance(value, bool | int | float) else without_folder(shown(tuple(value) if isinstance(value, list) else value))
    for name, value in chosen.items()
    if name not in OF_THE_MACHINE
  }

"""Runs trainings as tasks of a Ray cluster: each is the same process as on one machine, wherever there is room for it."""

from collections.abc import Callable, Sequence
import pathlib
import sys
import threading
from typing import Any

from st_tf import mirror, processes
from st_tf.clusters import ClusterError, Tasks
from st_tf.comparing import runner
from st_tf.comparing.options import Options
from st_tf.config import Config
from st_tf.errors import UserError

_AT_A_TIME = 256  # That wait for room on the cluster.


class Launcher:
  """Starts one Ray task per run: (settings, workdir) -> error, empty when all went well.

  Args:
    root: of the comparison. Where it stands for a folder elsewhere each task works in its part of that, from where it comes here.
    tasks: where they run.
  """

  def __init__(self, root: pathlib.Path, tasks: Tasks):
    self._root, self._tasks, self._there = root, tasks, mirror.stood_for(root)
    self._running: set[Any] = set()
    self._stopped = threading.Event()

  def __call__(self, config: Config, path: pathlib.Path) -> str:
    """Trains, or continues, the run of these settings.

    Raises:
      KeyboardInterrupt: all were stopped; the run has saved its state.
    """
    words, log = runner.words_of(self._root, config, path, self._there.address if self._there else '')
    before = processes.size_of(log)
    try:
      if self._there:
        self._patiently(lambda: self._there.push(at_rest=False))  # The settings.
      code = self._ended(words, log)
    except (ClusterError, UserError, OSError) as error:
      if self._stopped.is_set():
        raise KeyboardInterrupt from error
      return str(error)
    reason = processes.error_of(log, before, code)
    try:
      if self._there:
        self._patiently(lambda: self._there.take(path.relative_to(self._root).as_posix()))
    except (UserError, OSError) as error:
      return reason or f'what it trained is in {self._there.address} and could not be copied here: {error}'
    return reason

  def _ended(self, words: Sequence[str], log: pathlib.Path) -> int:
    """The exit code of a task, which is started here."""
    if self._stopped.is_set():
      raise KeyboardInterrupt
    task = self._tasks.started(words, None if self._there else log)
    self._running.add(task)
    if self._stopped.is_set():  # Since it was asked above.
      self._tasks.cancel(task)
    try:
      code, said = self._tasks.ended(task)
    finally:
      self._running.discard(task)
    if self._there:
      with open(log, 'a', encoding='utf-8') as output:
        output.write(said)
    return code

  def _patiently(self, copy: Callable[[], None]) -> None:
    """Copies, and where a storage does not answer tries again for some minutes."""
    for pause in mirror.PAUSES:
      try:
        copy()
        return
      except (UserError, OSError) as failed:
        if self._stopped.is_set():
          raise
        print(f'warning: {failed} Trying again in {pause:.0f} s.', file=sys.stderr, flush=True)
        self._stopped.wait(pause)
    copy()

  def stop(self) -> None:
    """Asks all trainings to save and end."""
    self._stopped.set()
    for task in list(self._running):
      self._tasks.cancel(task)


def launching(root: pathlib.Path, options: Options) -> tuple[Any, int]:
  """(what trains the runs of a comparison, how many at a time).

  Raises:
    UserError: there is no such cluster.
  """
  if options.cluster and not (options.collect or options.dry_run):
    return Launcher(root, Tasks(options.cluster, options.cpus_per_run, options.gpus_per_run)), _AT_A_TIME
  return runner.Launcher(root, options.jobs), options.jobs

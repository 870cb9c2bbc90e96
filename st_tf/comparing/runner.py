"""Runs trainings as processes of their own: a crash of one is a line in the table, and the rest goes on."""

from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import threading
from typing import TypeVar

from st_tf import files, processes
from st_tf.config import Config
from st_tf.runs import folder


@dataclasses.dataclass(frozen=True)
class Outcome:
  """What became of a run.

  Attributes:
    path: its workdir.
    error: why there is no ticket, in one line; empty when there is.
  """

  path: pathlib.Path
  error: str = ''


Work = TypeVar('Work')  # What is to be done in a workdir, such as a run of these settings.
Launch = Callable[[Work, pathlib.Path], str]
Stop = Callable[[], None]


class Launcher:
  """Starts one process per run: (settings, workdir) -> error, empty when all went well.

  Args:
    root: of the comparison; runs and their stages share `root/runs`.
    jobs: processes at a time, among which the cores are divided.
  """

  def __init__(self, root: pathlib.Path, jobs: int):
    self._root = root
    self._threads = max(_cores() // jobs, 1)
    self._running: set[subprocess.Popen] = set()
    self._stopped = False

  def __call__(self, config: Config, path: pathlib.Path) -> str:
    """Trains, or continues, the run of these settings.

    Raises:
      KeyboardInterrupt: all were stopped; the run has saved its state.
    """
    words, log = words_of(self._root, config, path)
    before = processes.size_of(log)
    with open(log, 'a', encoding='utf-8') as output:
      # In a session of its own, so that Ctrl-C reaches it once, from `stop`.
      words, here = [sys.executable, *words], os.environ | processes.environment_of(self._threads)
      process = subprocess.Popen(
        words, stdout=output, stderr=subprocess.STDOUT, env=here, start_new_session=True, preexec_fn=processes.follower()
      )
      self._running.add(process)
      if self._stopped:
        process.send_signal(signal.SIGTERM)
      code = process.wait()
      self._running.discard(process)
    if self._stopped:
      raise KeyboardInterrupt
    return processes.error_of(log, before, code)

  def stop(self) -> None:
    """Asks all processes to save and end."""
    self._stopped = True
    for process in list(self._running):
      process.send_signal(signal.SIGTERM)


def words_of(root: pathlib.Path, config: Config, path: pathlib.Path, address: str = '') -> tuple[list[str], pathlib.Path]:
  """(what Python is told to train a run, its log), after its settings were written down.

  Args:
    root: of the comparison.
    config: the run's settings.
    path: its workdir.
    address: of the folder elsewhere that `root` stands for, where a process of another machine finds the settings and works; its stages,
      where several machines would meet, are its own then.
  """
  config_file, log = root / 'configs' / f'{path.name}.json', log_of(root, path)
  for file in (config_file, log):
    file.parent.mkdir(parents=True, exist_ok=True)
  files.write_text(config_file, config.to_json())
  settings, workdir, stages = str(config_file), str(path), str(path.parent)
  if address:
    settings, workdir = [f'{address}/{part.relative_to(root).as_posix()}' for part in (config_file, path)]
    stages = f'{workdir}/{folder.STAGES}'
  return ['-m', 'st_tf.train', f'--config={settings}', f'--workdir={workdir}', f'--stages={stages}', '--nodeliver'], log


def log_of(root: pathlib.Path, path: pathlib.Path) -> pathlib.Path:
  """Where what the process of a run says is written down.

  Args:
    root: of the comparison.
    path: of the run.
  """
  return root / 'logs' / f'{path.name}.txt'


def run(work: Mapping[pathlib.Path, Work], launch: Launch[Work], stop: Stop, jobs: int) -> Iterator[Outcome]:
  """Does all of `work`, given as {workdir: what is done there}, and yields outcomes as they come.

  Args:
    work: what is to be done.
    launch: does one run.
    stop: asks what runs to save and end.
    jobs: runs at a time.

  Raises:
    KeyboardInterrupt: by the user; what runs is stopped first.
  """
  stopping = threading.Event()

  def started(what: Work, path: pathlib.Path) -> str:
    if stopping.is_set():
      raise KeyboardInterrupt
    try:
      return launch(what, path)
    except KeyboardInterrupt:
      stopping.set()
      raise

  pool = futures.ThreadPoolExecutor(jobs)
  waiting = {pool.submit(started, what, path): path for path, what in work.items()}
  left = len(waiting)
  try:
    for done in futures.as_completed(waiting):
      try:
        error = done.result()
      except OSError as reason:
        error = f'The process could not be started: {reason}'
      left -= 1
      yield Outcome(waiting[done], error)
  finally:
    if left:  # An interruption, also of whoever takes the outcomes.
      stopping.set()
      stop()
    pool.shutdown(wait=True, cancel_futures=True)


def _cores() -> int:
  """Those that this process may use: more threads than that would get in each other's way."""
  return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1

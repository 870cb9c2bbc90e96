"""A search whose trainings are tasks of a cluster: this process is keras-tuner's chief, each task one of its workers."""

from collections.abc import Callable, Iterator
import contextlib
import os
import pathlib
import socket
import threading
from typing import Any

from st_tf import files, methods, processes
from st_tf.clusters import ClusterError, Tasks
from st_tf.config import Config, ConfigError
from st_tf.errors import Interrupted, UserError
from st_tf.methods._oracles import forget
from st_tf.methods._tuning import VARIABLES
from st_tf.runs import folder

_GRACE = 60  # Seconds in which a chief ends after its last worker.

Sharing = Callable[[Any], contextlib.AbstractContextManager[None]]


def check(method: str, cluster: str) -> None:
  """Refuses a cluster for what it cannot train.

  Args:
    method: of the run.
    cluster: address of a Ray cluster, or auto; '' = none.

  Raises:
    ConfigError: the method has no trainings that can be shared, or others share them.
  """
  if not cluster:
    return
  if any(os.environ.get(name) for name in VARIABLES):
    raise ConfigError(f'--cluster sets {", ".join(VARIABLES)} itself. Received: some that are set. Leave out one of both.')
  if not methods.named(method).is_shared:
    raise ConfigError(
      f'--cluster is for a search of many trainings (tuner, menas), and for python -m st_tf.compare. Received: --method={method}.'
      ' Leave it out; several workers train one network by TF_CONFIG (docs/clusters.md).'
    )


def on_cluster(
  config: Config, path: str | os.PathLike[str], stages: str, cluster: str, cpus: int, gpus: float, fresh: bool = False
) -> Sharing:
  """What hands the trainings of a search to the tasks of a cluster, which is asked for at once unless the run has begun one.

  Args:
    config: the run's settings.
    path: of the run's folder, on storage that all nodes see.
    stages: folder of the trainings that runs share; '' = in the run's folder.
    cluster: address of a Ray cluster, or auto; '' = none: all is trained here.
    cpus: processors for each task.
    gpus: likewise.
    fresh: whether what the run has begun is forgotten.

  Raises:
    UserError: there is no such cluster.
  """
  if not cluster:
    return contextlib.nullcontext
  root = files.expanded(path).resolve()
  # One that has begun may be over, and needs no cluster then.
  connected = Tasks(cluster, cpus, gpus) if fresh or not (root / folder.STAGES).exists() else None
  kept = files.expanded(stages).resolve() if stages else root / folder.STAGES

  @contextlib.contextmanager
  def shared(oracle: Any) -> Iterator[None]:
    tasks = connected or Tasks(cluster, cpus, gpus)
    address = [str(tasks.here), str(_free_port(tasks.here))]
    at_work = _Workers(tasks, config, root, kept, address, oracle)
    try:
      os.environ.update(zip(VARIABLES, ['chief', *address]))
      at_work.start()
      yield
    except (KeyboardInterrupt, Interrupted) as stop:
      if at_work.reasons:
        raise UserError(f'At least one worker trains. Received: {len(at_work.reasons)} that ended: {at_work.reasons[-1]}') from stop
      raise
    finally:
      for name in VARIABLES:
        os.environ.pop(name, None)
      at_work.stop()

  return shared


class _Workers:
  """Tasks that train what a chief hands out.

  Args:
    tasks: where they run.
    config: the run's settings.
    root: the run's folder.
    stages: folder of the trainings.
    address: of the chief: host and port.
    oracle: of the search.

  Attributes:
    reasons: why all of them have ended, while the chief still waited.
  """

  def __init__(self, tasks: Tasks, config: Config, root: pathlib.Path, stages: pathlib.Path, address: list[str], oracle: Any):
    self.reasons: list[str] = []
    self._tasks, self._config, self._kept, self._stages, self._oracle = tasks, config, root / folder.WORKERS, stages, oracle
    self._address, self._stopped, self._ended, self._watched = address, threading.Event(), [], []
    self._count, self._counting = min(tasks.room, config.tuner.trials), threading.Lock()

  def start(self) -> None:
    """Hands out as many as have room."""
    kept = self._kept
    kept.mkdir(parents=True, exist_ok=True)
    files.write_text(kept / 'config.json', self._config.to_json())
    print(f'Handing trainings to {self._count} tasks of the cluster; what they say is in {kept}.', flush=True)
    for number in range(self._count):
      name = f'worker_{number}'
      log, words = kept / f'{name}.txt', ['-m', 'st_tf.train', f'--config={kept / "config.json"}', f'--workdir={kept / str(number)}']
      before = processes.size_of(log)
      told = [*words, f'--stages={self._stages}', '--nodeliver']
      task = self._tasks.started(told, log, dict(zip(VARIABLES, [name, *self._address])))
      thread = threading.Thread(target=self._watch, args=(task, log, before), daemon=True)
      self._watched.append((task, thread))
      thread.start()

  def _watch(self, task: Any, log: pathlib.Path, before: int) -> None:
    """Waits until a worker has ended, whose trial is then another one's."""
    try:
      reason = processes.error_of(log, before, self._tasks.ended(task)[0])
    except Exception as error:  # Whatever it was: a chief that does not hear of it would wait for ever.
      reason = f'{type(error).__name__}: {error}' if not isinstance(error, ClusterError | OSError) else str(error)
    if self._stopped.is_set():
      return
    if reason:
      print(f'{log.stem.replace("_", " ")} ended: {reason}', flush=True)
    forget(self._oracle, log.stem)
    with self._counting:
      self._ended.append(reason)
      is_last = len(self._ended) == self._count
    # The chief would wait for ever, unless all trials are done.
    if is_last and any(self._ended) and not self._stopped.wait(0 if all(self._ended) else _GRACE):
      self.reasons = [*filter(None, self._ended)]
      processes.interrupt()

  def stop(self) -> None:
    """Asks those that still train to save and end, and waits for them."""
    self._stopped.set()
    for task, thread in self._watched:
      if thread.is_alive():
        self._tasks.cancel(task)
    for _, thread in self._watched:
      if thread.is_alive():
        thread.join()


def _free_port(host: str) -> int:
  with socket.socket() as free:
    free.bind((host, 0))
    return free.getsockname()[1]

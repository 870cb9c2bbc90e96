"""A search whose trainings are tasks of a cluster: this process is keras-tuner's chief, each task one of its workers."""

import _thread
from collections.abc import Iterator
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
from st_tf.methods._tuning import VARIABLES
from st_tf.runs import folder


@contextlib.contextmanager
def shared(config: Config, path: str | os.PathLike[str], stages: str, cluster: str, cpus: int, gpus: float) -> Iterator[None]:
  """Within it the trainings of a search are those of a cluster's tasks; of the run's folder, which is this process's.

  Args:
    config: the run's settings.
    path: of the run's folder, on storage that all nodes see.
    stages: folder of the trainings that runs share; '' = in the run's folder.
    cluster: address of a Ray cluster, or auto; '' = none: all is trained here.
    cpus: processors for each task.
    gpus: likewise.

  Raises:
    UserError: the method has no trainings that can be shared, there is no such cluster, or all workers have ended, which say why.
  """
  if not cluster:
    yield
    return
  if any(os.environ.get(name) for name in VARIABLES):
    raise ConfigError(f'--cluster sets {", ".join(VARIABLES)} itself. Received: some that are set. Leave out one of both.')
  if not methods.named(config.method).is_shared:
    raise ConfigError(
      f'--cluster is for a search of many trainings (tuner, menas), and for python -m st_tf.compare. Received: --method={config.method}.'
      ' Leave it out; several workers train one network by TF_CONFIG (docs/clusters.md).'
    )
  tasks, root = Tasks(cluster, cpus, gpus), files.expanded(path).resolve()
  own = [str(tasks.here), str(_free_port(tasks.here))]
  at_work = _Workers(tasks, config, root, stages or str(root / folder.STAGES), own, min(tasks.room, config.tuner.trials))
  os.environ.update(zip(VARIABLES, ['chief', *own]))
  try:
    yield
  except (KeyboardInterrupt, Interrupted) as stop:
    if at_work.reasons:
      raise UserError(f'At least one worker trains. Received: {len(at_work.reasons)} that ended: {at_work.reasons[-1]}') from stop
    raise
  finally:
    for name in VARIABLES:
      del os.environ[name]
    at_work.stop()


class _Workers:
  """Tasks that train what a chief hands out.

  Args:
    tasks: where they run.
    config: the run's settings.
    root: the run's folder.
    stages: folder of the trainings.
    address: of the chief: host and port.
    count: how many.

  Attributes:
    reasons: why all of them have ended, while the chief still waited.
  """

  def __init__(self, tasks: Tasks, config: Config, root: pathlib.Path, stages: str, address: list[str], count: int):
    self.reasons: list[str] = []
    self._tasks, self._stopped, ended = tasks, False, []
    kept = root / folder.WORKERS
    kept.mkdir(parents=True, exist_ok=True)
    files.write_text(kept / 'config.json', config.to_json())
    print(f'Handing trainings to {count} tasks of the cluster; what they say is in {kept}.', flush=True)

    def watch(task: Any, log: pathlib.Path, before: int) -> None:
      try:
        reason = processes.error_of(log, before, tasks.code(task))
      except ClusterError as error:
        reason = str(error)
      if reason and not self._stopped:
        print(f'{log.stem.replace("_", " ")} ended: {reason}', flush=True)
      ended.append(reason)
      if len(ended) == count and all(ended) and not self._stopped:
        self.reasons = ended
        _thread.interrupt_main()  # The chief would wait for ever.

    self._watched = []
    for number in range(count):
      log, own = kept / f'worker_{number}.txt', [f'worker_{number}', *address]
      words = ['-m', 'st_tf.train', f'--config={kept / "config.json"}', f'--workdir={kept / str(number)}', f'--stages={stages}']
      before = processes.size_of(log)
      task = tasks.started([*words, '--nodeliver'], log, dict(zip(VARIABLES, own)))
      thread = threading.Thread(target=watch, args=(task, log, before), daemon=True)
      thread.start()
      self._watched.append((task, thread))

  def stop(self) -> None:
    """Asks those that still train to save and end, and waits for them."""
    self._stopped = True
    for task, thread in self._watched:
      if thread.is_alive():
        self._tasks.cancel(task)
    for _, thread in self._watched:
      thread.join()


def _free_port(host: str) -> int:
  with socket.socket() as free:
    free.bind((host, 0))
    return free.getsockname()[1]

"""Runs trainings as tasks of a Ray cluster: each is the same process as on one machine, wherever there is room for it."""

from collections.abc import Mapping, Sequence
import os
import pathlib
import signal
import subprocess
import sys
from typing import Any

from st_tf.comparing import runner
from st_tf.comparing.options import Options
from st_tf.config import Config, ConfigError

_AT_A_TIME = 256  # That wait for room on the cluster.
_FOR_EVER = 1e9  # Seconds.


class Launcher:
  """Starts one Ray task per run: (settings, workdir) -> error, empty when all went well.

  A task whose node dies is started again by Ray on another, where the run goes on from its last checkpoint: the comparison's folder is on
  storage that all nodes see, and the project is installed on all of them.

  Args:
    root: of the comparison.
    address: of the cluster, or auto.
    cpus: processors for each task.
    gpus: likewise.

  Raises:
    ConfigError: Ray is not installed, no cluster answers, or it has no node for such a task.
  """

  def __init__(self, root: pathlib.Path, address: str, cpus: int, gpus: float):
    self._ray = _connected(address)
    nodes = [(node['Resources'].get('CPU', 0), node['Resources'].get('GPU', 0)) for node in self._ray.nodes() if node['Alive']]
    if not any(processors >= cpus and devices >= gpus for processors, devices in nodes):
      largest = max(nodes, default=(0, 0))
      raise ConfigError(
        f'A node of the cluster has room for a training. Received: --cpus_per_run={cpus} --gpus_per_run={gpus:g}; the largest node has'
        f' {largest[0]:g} processors and {largest[1]:g} GPUs. Lower them.'
      )
    self._root, self._cpus = root, cpus
    self._task = self._ray.remote(_trained).options(num_cpus=cpus, num_gpus=gpus, max_retries=-1)
    self._running: set[Any] = set()
    self._stopped = False

  def __call__(self, config: Config, path: pathlib.Path) -> str:
    """Trains, or continues, the run of these settings.

    Raises:
      KeyboardInterrupt: all were stopped; the run has saved its state.
    """
    if self._stopped:
      raise KeyboardInterrupt
    words, log = runner.words_of(self._root, config, path)
    before = log.stat().st_size if log.exists() else 0
    reference = self._task.remote(words, str(log), runner.environment_of(self._cpus))
    self._running.add(reference)
    if self._stopped:  # Since it was asked above.
      self._ray.cancel(reference)
    try:
      return runner.error_of(log, before, self._ray.get(reference))
    except self._ray.exceptions.RayError as error:
      if self._stopped:
        raise KeyboardInterrupt from error
      return f'the cluster says: {str(error).strip().splitlines()[-1]}'
    finally:
      self._running.discard(reference)

  def stop(self) -> None:
    """Asks all trainings to save and end."""
    self._stopped = True
    for reference in list(self._running):
      self._ray.cancel(reference)


def launching(root: pathlib.Path, options: Options) -> tuple[Any, int]:
  """(what trains the runs of a comparison, how many at a time).

  Raises:
    ConfigError: there is no such cluster.
  """
  if options.cluster and not (options.collect or options.dry_run):
    return Launcher(root, options.cluster, options.cpus_per_run, options.gpus_per_run), _AT_A_TIME
  return runner.Launcher(root, options.jobs), options.jobs


def _trained(words: Sequence[str], log: str, environment: Mapping[str, str]) -> int:
  """The exit code of a training, on the node that the task is on; asked to stop it lets the training save."""
  with open(log, 'a', encoding='utf-8') as output:
    here = os.environ | environment
    command = [sys.executable, *words]
    process = subprocess.Popen(
      command, stdout=output, stderr=subprocess.STDOUT, env=here, start_new_session=True, preexec_fn=runner.follower()
    )
    try:
      return process.wait(_FOR_EVER)  # Ray cancels a task by an exception, which comes between two short sleeps of such a wait only.
    except KeyboardInterrupt:
      process.send_signal(signal.SIGTERM)
      process.wait()
      raise


def _connected(address: str) -> Any:
  try:
    import ray
  except ImportError as error:
    raise ConfigError("--cluster needs Ray. Received: none is installed. Write pip install 'supertickets[cluster]'.") from error
  try:
    ray.init(address=address, log_to_driver=False, logging_level='ERROR', ignore_reinit_error=True)
  except (ConnectionError, ValueError, RuntimeError) as error:
    said = (str(error).strip() or type(error).__name__).splitlines()[0]
    raise ConfigError(
      f'--cluster is the address of a Ray cluster, or auto. Received: {address} ({said:.200}). Start one by ray start.'
    ) from error
  return ray

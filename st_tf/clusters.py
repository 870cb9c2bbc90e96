"""Processes as tasks of a Ray cluster: each is the same process as on one machine, wherever there is room for it.

A task whose node dies is started again by Ray on another, where a training goes on from its last checkpoint: its folder is on storage
that all nodes see, and the project is installed on all of them.
"""

from collections.abc import Mapping, Sequence
import contextlib
import math
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
from typing import Any, BinaryIO

from st_tf import command, processes
from st_tf.errors import UserError

_FOR_EVER = 1e9  # Seconds.
_NAMED = 3  # Kinds of nodes, of a cluster without room.
_ROUNDING = 1e-9
_SAID = 2**20  # Bytes, of what a task without a log has said.


def check(address: str, cpus: int, gpus: float) -> None:
  """Refuses what no cluster can give.

  Args:
    address: of the cluster; '' = none.
    cpus: processors for each task.
    gpus: likewise.

  Raises:
    UserError: naming the setting.
  """
  if cpus < 1:
    raise UserError(f'--cpus_per_run is at least 1. Received: {cpus}.')
  if gpus < 0 or (gpus > 1 and not float(gpus).is_integer()):
    raise UserError(f'--gpus_per_run is a number of whole GPUs, or a share of one. Received: {gpus:g}.')
  if not address and (cpus > 1 or gpus):
    given = '--cpus_per_run' if cpus > 1 else '--gpus_per_run'
    raise UserError(f'{given} goes with --cluster. Received: no --cluster. Leave it out, or write --cluster=auto.')


class Tasks:
  """Where tasks run.

  Args:
    address: of the cluster, or auto.
    cpus: processors for each task.
    gpus: likewise.

  Attributes:
    room: how many run at a time on the nodes that are there.

  Raises:
    UserError: Ray is not installed, no cluster answers, or it has no node for such a task.
  """

  def __init__(self, address: str, cpus: int, gpus: float):
    self._ray, self._cpus = _connected(address), cpus
    nodes = [(node['Resources'].get('CPU', 0), node['Resources'].get('GPU', 0)) for node in self._ray.nodes() if node['Alive']]
    self.room = sum(int(min(processors // cpus, _share(devices, gpus) if gpus else processors)) for processors, devices in nodes)
    if not self.room:
      there = [f'{processors:g} processors and {devices:g} GPUs' for processors, devices in sorted(set(nodes), reverse=True)]
      raise UserError(
        f'A node of the cluster has room for a training. Received: --cpus_per_run={cpus} --gpus_per_run={gpus:g}; its nodes have'
        f' {"; ".join(there[:_NAMED]) or "nothing"}. Lower them.'
      )
    how = {'num_cpus': cpus, 'num_gpus': gpus, 'max_retries': -1, 'retry_exceptions': [Preempted]}
    self._task = self._ray.remote(_done).options(**how)

  @property
  def here(self) -> str:
    """The address at which tasks reach this machine."""
    return self._ray.util.get_node_ip_address()

  def started(self, words: Sequence[str], log: pathlib.Path | None, environment: Mapping[str, str] | None = None) -> Any:
    """A task, which waits for room.

    Args:
      words: what Python is told.
      log: for what it says, on storage that all nodes see; None = it is kept until the task has ended.
      environment: what it has beside that of its node.
    """
    here = processes.environment_of(self._cpus) | dict(environment or {})
    return self._task.remote(words, str(log or ''), here, os.getcwd())

  def ended(self, task: Any) -> tuple[int, str]:
    """(exit code of a task, what it said where it has no log), once it has ended.

    Raises:
      ClusterError: the cluster did not let it end.
    """
    try:
      return self._ray.get(task)
    except self._ray.exceptions.RayError as error:
      raise ClusterError(f'the cluster says: {(str(error).strip() or type(error).__name__).splitlines()[-1]}') from error

  def cancel(self, task: Any) -> None:
    """Asks a task to save and end."""
    self._ray.cancel(task)


class ClusterError(Exception):
  """A task that a cluster did not let end."""


class Preempted(Exception):
  """A process that its node asked to save and end, and nobody else: Ray starts its task again."""


def _share(devices: float, gpus: float) -> float:
  """How many tasks of so many GPUs find room on a node's; none is on two of them in part."""
  return devices // gpus if gpus >= 1 else int(devices) * math.floor(1 / gpus + _ROUNDING)


def _done(words: Sequence[str], log: str, environment: Mapping[str, str], folder: str) -> tuple[int, str]:
  """(exit code of a process, what it said where there is no log), on the node that the task is on; asked to stop it lets the process save.

  Raises:
    Preempted: somebody else asked the process to stop.
  """
  with contextlib.ExitStack() as opened:
    output = opened.enter_context(open(log, 'ab') if log else tempfile.TemporaryFile())
    here = os.environ | environment
    told = [sys.executable, *words]
    where = folder if os.path.isdir(folder) else None  # Where it was asked for, so that relative paths mean the same.
    process = None
    try:
      process = subprocess.Popen(
        told, stdout=output, stderr=subprocess.STDOUT, env=here, cwd=where, start_new_session=True, preexec_fn=processes.follower()
      )
      code = process.wait(_FOR_EVER)  # Ray cancels a task by an exception, which comes between two short sleeps of such a wait only.
    except KeyboardInterrupt:
      if process:
        process.send_signal(signal.SIGTERM)
        process.wait()
      raise
    said = '' if log else _last(output)
  if code == command.INTERRUPTED:
    raise Preempted(f'{log or "Its folder"} says how far it came.')
  return code, said


def _last(output: BinaryIO) -> str:
  output.seek(max(0, output.seek(0, os.SEEK_END) - _SAID))
  return output.read().decode(errors='replace')


def _connected(address: str) -> Any:
  try:
    import ray
  except ImportError as error:
    raise UserError("--cluster needs Ray. Received: none is installed. Write pip install 'supertickets[cluster]'.") from error
  try:
    with command.handler_kept():  # Ray's own would end this process in the middle of things.
      ray.init(address=address, log_to_driver=False, logging_level='ERROR', ignore_reinit_error=True)
  except (ConnectionError, ValueError, RuntimeError) as error:
    said = (str(error).strip() or type(error).__name__).splitlines()[0]
    raise UserError(
      f'--cluster is the address of a Ray cluster, or auto. Received: {address} ({said:.200}). Start one by ray start.'
    ) from error
  return ray

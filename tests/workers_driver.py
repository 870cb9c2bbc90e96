"""Starts a training on two workers of this machine, as a launcher does: one that was killed is started again."""

from collections.abc import Callable, Mapping, Sequence
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[1]
WORKERS = 2
_SECONDS = 420
_POLL_SECONDS = 0.2


def train(
  folder: pathlib.Path,
  flags: Sequence[str],
  kill: Callable[[], int | None] = lambda: None,
  stop: bool = False,
  others: Sequence[str] = (),
) -> list[tuple[int, str]]:
  """(exit code, output) of each worker.

  Args:
    folder: for their output.
    flags: of the command.
    kill: asked until it names a worker, once, which is then killed and started again.
    stop: whether that one is asked to stop instead, and not started again.
    others: further flags of all workers but the first.
  """
  each = [[*flags, *(others if index else ())] for index in range(WORKERS)]
  addresses = [f'localhost:{port}' for port in _free_ports()]
  logs = [folder / f'worker_{index}.log' for index in range(WORKERS)]
  with contextlib.ExitStack() as stack:
    processes = [stack.enter_context(_worker(index, addresses, each[index], log)) for index, log in enumerate(logs)]
    started, chosen = time.monotonic(), None
    while any(process.poll() is None for process in processes):
      if time.monotonic() - started > _SECONDS:
        for process in processes:
          process.kill()
        raise TimeoutError('\n'.join(log.read_text() for log in logs))
      if chosen is None and (chosen := kill()) is not None:
        processes[chosen].send_signal(signal.SIGTERM if stop else signal.SIGKILL)
        if not stop:
          processes[chosen].wait()
          processes[chosen] = stack.enter_context(_worker(chosen, addresses, each[chosen], logs[chosen]))
      time.sleep(_POLL_SECONDS)
    return [(process.returncode, log.read_text()) for process, log in zip(processes, logs)]


def _worker(index: int, addresses: Sequence[str], flags: Sequence[str], log: pathlib.Path) -> subprocess.Popen:
  place = {'cluster': {'worker': list(addresses)}, 'task': {'type': 'worker', 'index': index}}
  environment = os.environ | {'TF_CONFIG': json.dumps(place), 'TF_NUM_INTRAOP_THREADS': '1'}
  with open(log, 'a') as file:
    return command(flags, environment, stdout=file, stderr=subprocess.STDOUT)


def command(flags: Sequence[str], environment: Mapping[str, str], **streams: Any) -> subprocess.Popen:
  """The training as a process of its own."""
  return subprocess.Popen([sys.executable, '-m', 'st_tf.train', *flags], cwd=ROOT, env={**environment, 'PYTHONPATH': str(ROOT)}, **streams)


def _free_ports() -> list[int]:
  with contextlib.ExitStack() as stack:
    found = [stack.enter_context(socket.socket()) for _ in range(WORKERS)]
    for each in found:
      each.bind(('localhost', 0))
    return [each.getsockname()[1] for each in found]

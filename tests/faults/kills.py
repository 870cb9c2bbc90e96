"""Trains one run whose process is killed at random moments, again and again, until it has its tickets.

  python -m tests.faults.kills --workdir=FOLDER [--seed=0] [--log=FILE] -- --flag=value ...

The flags are those of `st_tf.train`. First the same run is trained beside it, in FOLDER_undisturbed; its writing sets the pace:
most lives last for a random number of writes of what the run goes on from, and for a random time up to a tenth of a second more,
the others for a random time. All are forks of one process that has imported everything, so that one takes seconds. Prints how many
were killed, as JSON.
"""

import argparse
import importlib
import json
import os
import pathlib
import signal
import sys
import time
import traceback
from typing import NoReturn

import numpy as np

from st_tf import command

_LIVES = 90  # About so many are wanted, of which some outlive theirs by several writes.
_MOST = 400
_LINGERING = 0.1  # Seconds.
_BY_TIME, _LONGEST = 0.15, 3.0  # The share of lives that end by the clock, and after how many seconds at most.
_KEPT = ('checkpoints', 'tickets', 'metrics')  # What of a run's folder counts.
_CHANGES = ('os.rename', 'os.remove', 'os.mkdir', 'os.rmdir')


def main() -> int:
  """The command."""
  options = argparse.ArgumentParser()
  options.add_argument('--workdir', type=pathlib.Path, required=True)
  options.add_argument('--seed', type=int, default=0)
  options.add_argument('--log', type=pathlib.Path, default=pathlib.Path(os.devnull))
  options.add_argument('flags', nargs='*')
  given = options.parse_args()
  _import_all()
  undisturbed = given.workdir.with_name(f'{given.workdir.name}_undisturbed')
  code, writes = _life(given.flags, undisturbed, given.log)
  if code:
    return code
  random = np.random.default_rng(given.seed)
  longest, killed = max(2, 2 * writes // _LIVES), []
  for _ in range(_MOST):
    by_time, writes_left, waits = random.random() < _BY_TIME, int(random.integers(1, longest)), random.uniform(0, 1)
    code, lived = _life(given.flags, given.workdir, given.log, 0 if by_time else writes_left, waits * (_LONGEST if by_time else _LINGERING))
    if code != -signal.SIGKILL:
      break
    killed.append(lived)
  print(json.dumps({'writes': writes, 'killed': len(killed), 'code': code}))
  return int(code != 0)


def _import_all() -> None:
  """Without running an operation: TensorFlow's threads would not be in the forks."""
  command.prepare()
  for name in ('st_tf.train', 'st_tf.api.draw', 'st_tf.api.delivery', 'tflite.export', 'tests.tiny'):
    importlib.import_module(name)


def _life(flags: list[str], workdir: pathlib.Path, log: pathlib.Path, writes: int | None = None, waits: float = 0.0) -> tuple[int, int]:
  """(exit code, writes) of one process of the command, which is killed some seconds after so many writes; None = never."""
  reading, writing = os.pipe()
  pid = os.fork()
  if not pid:
    os.close(reading)
    _train(flags, workdir, log, writing)
  os.close(writing)
  seen = 0
  while seen != writes and (said := os.read(reading, 4096 if writes is None else 1)):
    seen += len(said)
  if seen == writes:
    time.sleep(waits)
    os.kill(pid, signal.SIGKILL)
  os.close(reading)
  return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen


def _train(flags: list[str], workdir: pathlib.Path, log: pathlib.Path, writing: int) -> NoReturn:
  """The command in this process, which ends with it; each change of the folder is a byte for whoever reads."""
  own = tuple(f'{workdir}{os.sep}{name}' for name in _KEPT)

  def hear(event: str, args: tuple) -> None:
    opened = event == 'open' and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
    if (opened or event in _CHANGES) and isinstance(args[0], str | os.PathLike) and os.fspath(args[0]).startswith(own):
      os.write(writing, b'.')

  from st_tf import train

  file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
  os.dup2(file, 1)
  os.dup2(file, 2)
  sys.argv = ['train', *flags, f'--workdir={workdir}']
  sys.addaudithook(hear)
  signal.signal(signal.SIGPIPE, signal.SIG_IGN)
  code = 1
  try:
    command.run(train.main)
  except SystemExit as error:
    code = int(error.code)
  except BaseException:
    traceback.print_exc()
  sys.stdout.flush()
  sys.stderr.flush()
  os._exit(code)


if __name__ == '__main__':
  sys.exit(main())

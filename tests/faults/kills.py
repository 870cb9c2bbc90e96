"""Gives one command whose process is killed at random moments, again and again, until it comes to its end.

  python -m tests.faults.kills --workdir=FOLDER [--seed=0] [--log=FILE] -- --flag=value ... --workdir={}
  python -m tests.faults.kills --workdir=FOLDER --command=tflite.export --lives=1.8 --by_time=0 --kept=* -- --out={}/a.tflite ...

The flags are those of the command, with {} for the folder. First it is given beside it, in FOLDER_undisturbed; its writing sets the pace:
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

_LINGERING = 0.1  # Seconds after a write.
_CHANGES = ('os.rename', 'os.remove', 'os.mkdir', 'os.rmdir')


def main() -> int:
  """The command."""
  options = argparse.ArgumentParser()
  options.add_argument('--workdir', type=pathlib.Path, required=True)
  options.add_argument('--seed', type=int, default=0)
  options.add_argument('--command', default='st_tf.train')
  options.add_argument('--lives', type=float, default=90, help='About so many are wanted, of which some outlive theirs by several writes.')
  options.add_argument('--most', type=int, default=400, help='Kills, after which it is left alone.')
  options.add_argument('--by_time', type=float, default=0.15, help='Share of lives that end by the clock.')
  options.add_argument('--longest', type=float, default=3.0, help='Seconds at most that these last; 0 = as it took undisturbed.')
  options.add_argument(
    '--kept', default='checkpoints,tickets,metrics', help='What of the folder counts, by how it begins; * = every file, read or written.'
  )
  options.add_argument('--whole', default='', help='A file that is there as it is in the end, or not at all, after each life.')
  options.add_argument('--log', type=pathlib.Path, default=pathlib.Path(os.devnull))
  options.add_argument('flags', nargs='*')
  given = options.parse_args()
  _import_all(given.command)
  undisturbed = given.workdir.with_name(f'{given.workdir.name}_undisturbed')
  begun = time.monotonic()
  code, writes = _life(given, undisturbed)
  if code:
    return code
  seconds = given.longest or time.monotonic() - begun
  random = np.random.default_rng(given.seed)
  longest, killed = max(2, int(2 * writes / given.lives)), []
  while True:
    by_time, writes_left, waits = random.random() < given.by_time, int(random.integers(1, longest)), random.uniform(0, 1)
    until = None if len(killed) == given.most else 0 if by_time else writes_left
    code, lived = _life(given, given.workdir, until, waits * (seconds if by_time else _LINGERING))
    if code != -signal.SIGKILL:
      break
    killed.append(lived)
    whole = given.workdir / given.whole
    if given.whole and whole.exists() and whole.read_bytes() != (undisturbed / given.whole).read_bytes():
      raise ValueError(f'{whole} is there in part.')
  print(json.dumps({'writes': writes, 'killed': len(killed), 'code': code}))
  return int(code != 0)


def _import_all(own: str) -> None:
  """Without running an operation: TensorFlow's threads would not be in the forks."""
  command.prepare()
  for name in (own, 'st_tf.train', 'st_tf.api.draw', 'st_tf.api.delivery', 'st_tf.comparing.compare', 'tflite.export', 'tests.tiny'):
    importlib.import_module(name)


def _life(given: argparse.Namespace, folder: pathlib.Path, writes: int | None = None, waits: float = 0.0) -> tuple[int, int]:
  """(exit code, writes) of one process of the command, which is killed some seconds after so many writes; None = never."""
  reading, writing = os.pipe()
  pid = os.fork()
  if not pid:
    os.close(reading)
    _run(given, folder, writing)
  os.close(writing)
  seen = 0
  while seen != writes and (said := os.read(reading, 4096 if writes is None else 1)):
    seen += len(said)
  if seen == writes:
    time.sleep(waits)
    os.kill(pid, signal.SIGKILL)
  os.close(reading)
  return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen


def _run(given: argparse.Namespace, folder: pathlib.Path, writing: int) -> NoReturn:
  """The command in this process, which ends with it; each change of the folder is a byte for whoever reads."""
  own = ('',) if given.kept == '*' else tuple(f'{folder}{os.sep}{name}' for name in given.kept.split(','))

  def hear(event: str, args: tuple) -> None:
    opened = event == 'open' and (own == ('',) or (isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)))
    if (opened or event in _CHANGES) and isinstance(args[0], str | os.PathLike) and os.fspath(args[0]).startswith(own):
      os.write(writing, b'.')

  folder.mkdir(exist_ok=True)
  file = os.open(given.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
  os.dup2(file, 1)
  os.dup2(file, 2)
  sys.argv = [given.command.rpartition('.')[2], *(flag.replace('{}', str(folder)) for flag in given.flags)]
  sys.addaudithook(hear)
  signal.signal(signal.SIGPIPE, signal.SIG_IGN)
  code = 1
  try:
    command.run(sys.modules[given.command].main)
  except SystemExit as error:
    code = int(error.code)
  except BaseException:
    traceback.print_exc()
  sys.stdout.flush()
  sys.stderr.flush()
  os._exit(code)


if __name__ == '__main__':
  sys.exit(main())

"""Processes of this project that another one starts: what they are given, how they end with it, and why they have ended."""

import _thread
from collections.abc import Callable
import ctypes
import os
import pathlib
import signal
import sysconfig
import threading

from st_tf import command

INTERRUPTED = 'interrupted; the same command continues it'
_PR_SET_PDEATHSIG = 1  # Of <sys/prctl.h>.
OF_MEMORY = ', by which systems end what takes too much memory; fewer --jobs or a smaller --batch_size take less'
_THREADS = ('TF_NUM_INTRAOP_THREADS', 'OMP_NUM_THREADS')


def environment_of(threads: int) -> dict[str, str]:
  """What the environment of a process has beside that of its parent, when it may use so many threads."""
  own = dict.fromkeys(_THREADS, str(threads))
  source = str(pathlib.Path(__file__).resolve().parents[1])
  if source == sysconfig.get_path('purelib'):  # Installed, it is found; put first, it would come before the standard library.
    return own
  return own | {'PYTHONPATH': os.pathsep.join(filter(None, [source, os.environ.get('PYTHONPATH', '')]))}


def follower() -> Callable[[], None] | None:
  """What a new process does first, so that it is asked to end when this one dies: whoever comes after it has its folder soon."""
  try:
    ask, parent = ctypes.CDLL(None).prctl, os.getpid()
  except (OSError, AttributeError):  # Linux has it.
    return None

  def follow() -> None:
    ask(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
      os._exit(1)

  return follow


def interrupt() -> None:
  """Asks the main thread of this process to save and end, as a user would, from another thread.

  By a real signal that wakes it, where one is waited for; SIGINT is ignored by what a shell has put into the background.
  """
  if callable(signal.getsignal(signal.SIGTERM)):
    signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)
  else:
    _thread.interrupt_main()


def size_of(log: pathlib.Path) -> int:
  """How long a log is, in bytes; 0 of one that is not there yet."""
  return log.stat().st_size if log.exists() else 0


def error_of(log: pathlib.Path, before: int, code: int) -> str:
  """Why a process did not do its work, in one line; empty where it did.

  Args:
    log: what it said.
    before: how long the log was before it began, in bytes.
    code: with which it ended.
  """
  if code == command.INTERRUPTED:
    return INTERRUPTED
  return '' if code == 0 else _reason(log.read_bytes()[before:].decode(errors='replace'), code)


def _reason(said: str, code: int) -> str:
  lines = [line.strip() for line in said.splitlines() if line.strip()]
  told = [line.removeprefix('error: ') for line in lines if line.startswith('error: ')]
  if told:
    return told[-1]
  ended = f'ended by {_name_of(-code)}' if code < 0 else f'exit code {code}'
  if code == -signal.SIGKILL:  # Of which the process itself can say nothing.
    ended += OF_MEMORY
  return f'{ended}; {lines[-1]}' if lines and code > 0 else ended


def _name_of(number: int) -> str:
  try:
    return signal.Signals(number).name
  except ValueError:  # Real-time signals have none.
    return f'signal {number}'

"""How a command line starts and ends: quiet libraries, one-line errors, exit codes."""

from collections.abc import Callable, Iterator, Sequence
import contextlib
import importlib.abc
import importlib.machinery
import os
import pathlib
import shlex
import signal
import sys
import threading
import time
import types
from typing import Any, NoReturn

from st_tf import quiet, terminal
from st_tf.errors import Interrupted, NothingLeft, UserError
from st_tf.workers import WorkerLost

BAD_INPUT = 2
INTERRUPTED = 130
BROKEN_PIPE = 141
_LOST = 75  # As sysexits.h has it of what may succeed later.
_RESTARTS, _MOST_RESTARTS = 'ST_TF_RESTARTS', 20
_FORGOTTEN = 'ST_TF_FORGOTTEN'
_noted: dict[str, str] = {}  # For this command alone, should it start itself again; not for processes that it starts.
_OWN = ('tasks', 'tflite')


def run(main: Callable[[Sequence[str]], int | None]) -> NoReturn:
  """Runs a command on `sys.argv` and ends the process with its exit code (None = 0).

  A `UserError` becomes one line on stderr and exit code 2, Ctrl-C and SIGTERM exit code 130, a reader that has gone 141;
  any other exception is a fault of the program and keeps its traceback.
  """
  prepare()
  quiet.announce()
  terminal.guard()
  sys.meta_path.insert(0, _OwnPackages())
  signal.signal(signal.SIGTERM, signal.default_int_handler)
  try:
    code = main(sys.argv) or 0
    sys.stdout.flush()
  except UserError as error:
    print(f'error: {error}', file=sys.stderr)
    code = BAD_INPUT
  except KeyboardInterrupt:
    print('interrupted', file=sys.stderr)
    code = INTERRUPTED
  except WorkerLost as reason:
    code = _started_again(str(reason))
  except BrokenPipeError:
    # The interpreter flushes stdout once more when it ends, which would complain about the same pipe.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    code = BROKEN_PIPE
  sys.exit(code)


def has_forgotten() -> bool:
  """Whether this command has started itself again, since another worker was lost, after it had forgotten what --fresh says."""
  return bool(os.environ.get(_FORGOTTEN))


def note_forgotten() -> None:
  """Notes that what --fresh forgets is gone: what is there from now on stays, also where this command starts itself again."""
  _noted[_FORGOTTEN] = '1'


def _started_again(reason: str) -> int:
  """Replaces the process by the same command, which goes on from the last checkpoint once all workers are back; gives up at some point."""
  count = int(os.environ.get(_RESTARTS) or 0) + 1
  if count > _MOST_RESTARTS:
    print(f'error: {reason} That was the {_MOST_RESTARTS}th time; give the same command again when all workers are up.', file=sys.stderr)
    return _LOST
  print(f'{reason} Starting again from the last checkpoint, when all workers are back.', file=sys.stderr, flush=True)
  time.sleep(1)  # A worker that is started again meets one that has let go of it.
  os.environ.update(_noted | {_RESTARTS: str(count)})
  os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def prepare() -> None:
  """Makes the process one in which TensorFlow is quiet and uses oneDNN's kernels; call it before TensorFlow is imported.

  What the caller has asked for in the environment stays. TensorFlow itself uses these kernels on CPUs with VNNI or AMX only; others train
  faster with them too (docs/train_step.md).
  """
  quiet.libraries()
  os.environ.setdefault('TF_ENABLE_ONEDNN_OPTS', '1')


def line(argv: Sequence[str]) -> str:
  """The command line as it can be given again: "python -m st_tf.train '--task=x y'"."""
  return shlex.join(['python', '-m', f'st_tf.{pathlib.Path(argv[0]).stem}', *argv[1:]])


def again(fresh: bool) -> str:
  """What continues a run of this command line, in words.

  Args:
    fresh: whether it says --fresh.
  """
  return 'the same command without --fresh' if fresh else 'the same command'


@contextlib.contextmanager
def stopping() -> Iterator[Callable[[], str]]:
  """Within it SIGINT and SIGTERM wait: what is yielded answers the name of the last one that came, or nothing."""
  names: list[str] = []

  def note(number: int, frame: Any) -> None:
    names.append(signal.Signals(number).name)
    print(f'\n{names[-1]}: stopping after this step.', file=sys.stderr, flush=True)

  before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
  try:
    yield lambda: names[-1] if names else ''
  finally:
    for number, handler in before.items():
      signal.signal(number, handler)


@contextlib.contextmanager
def handler_kept() -> Iterator[None]:
  """Within it others may answer SIGTERM in their own way; afterwards it is answered as before."""
  before = signal.getsignal(signal.SIGTERM)
  try:
    yield
  finally:
    if threading.current_thread() is threading.main_thread():
      signal.signal(signal.SIGTERM, before)


def drawn(draw: Callable[[], Any]) -> int:
  """The exit code of a command that draws tickets: 0, or 130 where it was asked to stop, which is said with how it goes on."""
  try:
    draw()
  except Interrupted as reason:
    print(f'\n{reason}')
    return INTERRUPTED
  except NothingLeft as end:
    print(end, flush=True)
  return 0


class _OwnPackages(importlib.abc.MetaPathFinder):
  """Finds `tasks` and `tflite` beside `st_tf`: `python -m` looks into the current folder first, where they may be somebody else's.

  The folder beside `st_tf` is not put onto the path: of an installed copy it is the whole of site-packages, which would then come
  before the standard library.
  """

  def find_spec(
    self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
  ) -> importlib.machinery.ModuleSpec | None:
    if fullname not in _OWN:
      return None
    return importlib.machinery.PathFinder.find_spec(fullname, [str(pathlib.Path(__file__).resolve().parents[1])])

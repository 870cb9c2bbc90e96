"""Long work that an interruption ends between two steps, without a signal handler."""

from collections.abc import Callable
from concurrent import futures
import contextlib
import sys
from typing import TypeVar

from st_tf.errors import Interrupted
from st_tf.runs.process import Process

Result = TypeVar('Result')
_WORD = 'Interrupted'
_POLL_SECONDS = 0.5  # A signal that another thread got is noticed by the main thread when it next wakes.


def interruptible(work: Callable[[Process], Result], command: str, fresh: bool = False) -> Result:
  """What `work` returns.

  It is done in a thread, since a KeyboardInterrupt comes to the main thread alone: Ctrl-C, or the button that interrupts a notebook, asks
  the run to stop after its step, where its state is whole, instead of breaking it off inside one.

  Args:
    work: draws tickets in the process that it is given.
    command: what tickets name as what made them.
    fresh: whether the call forgets what is there, so that the same call would start over.

  Raises:
    KeyboardInterrupt: the work was asked to stop and has.
  """
  asked: list[str] = []

  def asking() -> str:
    return asked[-1] if asked else ''

  again = 'the same call without fresh=True' if fresh else 'the same call'
  process = Process(command, again, stopping=lambda: contextlib.nullcontext(asking), waiting=asking)
  with futures.ThreadPoolExecutor(1) as pool:
    try:
      future = pool.submit(work, process)
      _wait(future, asked)
    except KeyboardInterrupt:  # A second one, or one at the very start: the work ends with its step, for which leaving the pool waits.
      asked.append(_WORD)
      raise
    try:
      result = future.result()
    except Interrupted as reason:
      raise KeyboardInterrupt(str(reason)) from None
  if asked:
    raise KeyboardInterrupt(f'{_WORD} when all was done; {again} gives it.')
  return result


def _wait(future: futures.Future, asked: list[str]) -> None:
  """Until the work has ended; notes the first interruption."""
  while not future.done():
    try:
      futures.wait([future], _POLL_SECONDS)
    except KeyboardInterrupt:
      if asked:
        raise
      asked.append(_WORD)
      print(f'\n{_WORD}: stopping after this step.', file=sys.stderr, flush=True)

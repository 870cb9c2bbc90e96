"""Long work that an interruption ends between two steps, without a signal handler."""

from collections.abc import Callable
from concurrent import futures
import contextlib
import sys
from typing import TypeVar

from st_tf.errors import Interrupted
from st_tf.runs.process import Process

Result = TypeVar('Result')
_POLL_SECONDS = 0.5  # A signal that another thread got is noticed by the main thread when it next wakes.


def interruptible(work: Callable[[Process], Result], command: str) -> Result:
  """What `work` returns.

  It is done in a thread, since a KeyboardInterrupt comes to the main thread alone: Ctrl-C, or the button that interrupts a notebook, asks
  the run to stop after its step, where its state is whole, instead of breaking it off inside one.

  Args:
    work: draws tickets in the process that it is given.
    command: what tickets name as what made them.

  Raises:
    KeyboardInterrupt: the work was asked to stop and has.
  """
  asked: list[str] = []
  process = Process(command, stopping=lambda: contextlib.nullcontext(lambda: asked[-1] if asked else ''))
  with futures.ThreadPoolExecutor(1) as pool:
    future = pool.submit(work, process)
    while not future.done():
      try:
        futures.wait([future], _POLL_SECONDS)
      except KeyboardInterrupt:
        if asked:
          raise
        asked.append('Interrupted')
        print('\nInterrupted: stopping after this step.', file=sys.stderr, flush=True)
    try:
      return future.result()
    except Interrupted as reason:
      raise KeyboardInterrupt(str(reason)) from None

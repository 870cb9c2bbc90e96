"""What a run needs from the process it is in, and how it tells the process that it ends early."""

from collections.abc import Callable
import contextlib
import dataclasses
from typing import Any

import tqdm.auto


def never_stopped() -> contextlib.AbstractContextManager[Callable[[], str]]:
  """Of a process that nothing asks to stop after a step: Ctrl-C is a KeyboardInterrupt wherever it comes."""
  return contextlib.nullcontext(lambda: '')


@dataclasses.dataclass(frozen=True)
class Process:
  """The process that a run is in; the defaults suit a program that draws tickets by calls, or a notebook.

  Attributes:
    command: what a ticket names as what made it.
    again: what continues a run that was stopped, in words.
    stopping: entered while steps are taken; what it yields is asked after each and answers the name of the signal that asks to stop,
      or nothing.
    bar: shows the progress of an epoch, with the arguments of `tqdm.tqdm`; the default shows it on a terminal and in a notebook.
  """

  command: str = 'a call from Python'
  again: str = 'the same call'
  stopping: Callable[[], contextlib.AbstractContextManager[Callable[[], str]]] = never_stopped
  bar: Callable[..., Any] = tqdm.auto.tqdm


CALLED = Process()  # Of a program that draws tickets by calls.

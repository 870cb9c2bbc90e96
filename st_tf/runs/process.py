"""What a run needs from the process it is in, and how it tells the process that it ends early."""

from collections.abc import Callable
import contextlib
import dataclasses
import importlib.util
import sys
from typing import Any

import tqdm
import tqdm.auto


def never_stopped() -> contextlib.AbstractContextManager[Callable[[], str]]:
  """Of a process that nothing asks to stop after a step: Ctrl-C is a KeyboardInterrupt wherever it comes."""
  return contextlib.nullcontext(lambda: '')


def shown_bar(*args: Any, **settings: Any) -> Any:
  """A progress bar on a terminal and in a notebook, there a plain one where ipywidgets is not installed."""
  if 'ipykernel' not in sys.modules:
    return tqdm.tqdm(*args, **settings)
  bar = tqdm.tqdm if importlib.util.find_spec('ipywidgets') is None else tqdm.auto.tqdm
  return bar(*args, **settings | {'disable': False})


@dataclasses.dataclass(frozen=True)
class Process:
  """The process that a run is in; the defaults suit a program that draws tickets by calls, or a notebook.

  Attributes:
    command: what a ticket names as what made it.
    again: what continues a run that was stopped, in words.
    stopping: entered while steps are taken; what it yields is asked after each and answers the name of the signal that asks to stop,
      or nothing.
    waiting: asked while the run waits for another process; answers as what `stopping` yields.
    bar: shows the progress of an epoch, with the arguments of `tqdm.tqdm`; the default shows it on a terminal and in a notebook.
  """

  command: str = 'a call from Python'
  again: str = 'the same call'
  stopping: Callable[[], contextlib.AbstractContextManager[Callable[[], str]]] = never_stopped
  waiting: Callable[[], str] = lambda: ''
  bar: Callable[..., Any] = shown_bar


CALLED = Process()  # Of a program that draws tickets by calls.

"""What a run needs from the process it is in, and how it tells the process that it ends early."""

from collections.abc import Callable, Iterable, Iterator
import contextlib
import dataclasses
import importlib.util
import sys
import time
from typing import Any

import tqdm
import tqdm.auto

from st_tf import wording

_BETWEEN_LINES = 30  # Seconds.


def never_stopped() -> contextlib.AbstractContextManager[Callable[[], str]]:
  """Of a process that nothing asks to stop after a step: Ctrl-C is a KeyboardInterrupt wherever it comes."""
  return contextlib.nullcontext(lambda: '')


class Lines:
  """Progress where there is no terminal: a line now and then.

  Args:
    steps: what is gone through.
    title: that lines begin with.
    total: how many steps there are.
    initial: how many are done already.
    settings: of a bar that lines have no use for.
  """

  def __init__(self, steps: Iterable[Any], title: str, total: int, initial: int = 0, **settings: Any):
    del settings
    self._steps, self._title, self._total, self._done = steps, title, total, initial
    self._facts = ''

  def __iter__(self) -> Iterator[Any]:
    began = last = time.monotonic()
    for step, value in enumerate(self._steps, 1):
      yield value
      self._done += 1
      now = time.monotonic()
      if now - last >= _BETWEEN_LINES and self._done < self._total:
        last, left = now, (now - began) / step * (self._total - self._done)
        print(f'{self._title}: step {self._done:,} of {self._total:,}{self._facts}, {wording.duration(left)} left in it', flush=True)

  def set_postfix(self, **facts: str) -> None:
    """What the next line says beside the step."""
    self._facts = ''.join(f', {name} {value}' for name, value in facts.items())


def shown_bar(*args: Any, **settings: Any) -> Any:
  """A progress bar on a terminal and in a notebook, there a plain one where ipywidgets is not installed; elsewhere lines."""
  if 'ipykernel' not in sys.modules:
    return (tqdm.tqdm if sys.stderr.isatty() else Lines)(*args, **settings)
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
    sharing: entered around a search of many trainings, with keras-tuner's oracle of it; within it other processes may train them.
    bar: shows the progress of an epoch, with the arguments of `tqdm.tqdm`; the default shows it on a terminal and in a notebook,
      and says it in lines elsewhere.
  """

  command: str = 'a call from Python'
  again: str = 'the same call'
  stopping: Callable[[], contextlib.AbstractContextManager[Callable[[], str]]] = never_stopped
  waiting: Callable[[], str] = lambda: ''
  sharing: Callable[[Any], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
  bar: Callable[..., Any] = shown_bar


CALLED = Process()  # Of a program that draws tickets by calls.

"""SuperTickets for TensorFlow: architecture and lottery ticket from one training run.

What is here for Python is loaded when it is first used, and TensorFlow with it: importing this package brings neither.
"""

import importlib
import sys
import types
from typing import Any

__version__ = '0.1.0'

_HOMES = {
  'draw': 'st_tf.api.draw',
  'transfer': 'st_tf.api.transfer',
  'compare': 'st_tf.comparing.compare',
  'evaluate': 'st_tf.api.evaluate',
  'export': 'st_tf.api.export',
  'Ticket': 'st_tf.ticket',
  'Task': 'st_tf.task',
}
__all__ = [*_HOMES, '__version__']


class _Package(types.ModuleType):
  """A package in which a function keeps its name when the command of the same name is imported, as tests do."""

  def __setattr__(self, name: str, value: Any) -> None:
    if not (name in _HOMES and isinstance(value, types.ModuleType)):
      super().__setattr__(name, value)

  def __getattr__(self, name: str) -> Any:
    if name == 'pruning':
      return importlib.import_module('st_tf.pruning')
    if name not in _HOMES:
      raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    importlib.import_module('st_tf.command').prepare()  # Before anything brings TensorFlow.
    value = getattr(importlib.import_module(_HOMES[name]), name)
    setattr(self, name, value)
    return value

  def __dir__(self) -> list[str]:
    return sorted({*super().__dir__(), *_HOMES})


sys.modules[__name__].__class__ = _Package

"""Where a ticket comes from: method, settings, command, versions, and what its training has cost."""

import dataclasses
import importlib.metadata
import pathlib
import shlex
import sys
import time
from typing import Any

import st_tf
from st_tf.training.trainer import Trainer

_PACKAGES = ('tensorflow', 'tf-keras', 'tensorflow-model-optimization', 'numpy')


def origin(trainer: Trainer, seconds: float, trimmed: int = 0) -> dict[str, Any]:
  """The provenance of a ticket.

  Args:
    trainer: of its network.
    seconds: that the training took.
    trimmed: units that had to go at the end of the search to meet its target.
  """
  facts = {
    'method': trainer.config.method,
    'config': trainer.config.flat(),
    'command': shlex.join(['python', '-m', f'st_tf.{pathlib.Path(sys.argv[0]).stem}', *sys.argv[1:]]),
    'versions': {'st_tf': st_tf.__version__} | {name: importlib.metadata.version(name) for name in _PACKAGES},
    'finished': time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime()),
    'seconds': seconds,
    'training': dataclasses.asdict(trainer.meter.total(seconds)),
    'steps': trainer.step,
    'examples': dict(trainer.task.sizes),
  }
  facts |= {'source': trainer.source} if trainer.source else {}
  table = trainer.cost_model.table
  if table is not None:
    facts['latency'] = {'milliseconds': trainer.price(), 'table': dict(table.settings)}
  return facts | ({'trimmed': trimmed} if trimmed else {})

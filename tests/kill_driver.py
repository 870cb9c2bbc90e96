"""Runs `st_tf.train` and kills its own process at a chosen moment; what `resume_test` starts.

  python -m tests.kill_driver MOMENT COUNT --flag=value ...

MOMENT is one of `MOMENTS`, or 'never'; the process ends with SIGKILL at the COUNT-th time that it comes.
"""

from collections.abc import Callable
import importlib
import os
import signal
import sys
from typing import Any

# Name: ('module:attribute' that is replaced, when in its call the process dies).
MOMENTS = {
  'step': ('st_tf.training.trainer:Trainer.train', 'after'),
  'arrays half written': ('st_tf.files:write_arrays', 'half'),
  'folder about to be put in place': ('st_tf.files:_flush', 'before'),
  'folder replaced': ('st_tf.files:os.replace', 'after'),
  'shrink, network not rebuilt': ('st_tf.training.trainer:Trainer._rebuild', 'before'),
  'shrink, weights not carried': ('st_tf.training.trainer:Trainer._rebuild', 'after'),
  'ranked, masks not set': ('st_tf.pruning.fit:set_masks', 'before'),
  'masks set, not recorded': ('st_tf.pruning.fit:set_masks', 'after'),
  'evaluation': ('st_tf.training.trainer:Trainer.scores', 'before'),
  'epoch recorded, not saved': ('st_tf.runs.run:Run._save', 'before'),
  'ticket recorded, not there': ('st_tf.ticket:Ticket.save', 'before'),
  'ticket there': ('st_tf.ticket:Ticket.save', 'after'),
  'model converted, not written': ('tflite.convert:replace', 'before'),
  'model written, no report': ('tflite.convert:replace', 'after'),
}


def main(argv: list[str]) -> None:
  """Prepares the kill and runs the command."""
  moment, count, *flags = argv
  if moment != 'never':
    place, when = MOMENTS[moment]
    _replace(place, lambda original: _deadly(original, int(count), when))
  from st_tf import command, train

  sys.argv = ['train', *flags]
  command.run(train.main)


def _replace(place: str, change: Callable) -> None:
  module, _, path = place.partition(':')
  owner: Any = importlib.import_module(module)
  *parents, name = path.split('.')
  for parent in parents:
    owner = getattr(owner, parent)
  setattr(owner, name, change(getattr(owner, name)))


def _deadly(original: Callable, count: int, when: str) -> Callable:
  calls = 0

  def replaced(*args, **kwargs):
    nonlocal calls
    calls += 1
    if calls != count:
      return original(*args, **kwargs)
    if when != 'before':
      original(*args, **kwargs)
    if when == 'half':
      path = args[0]
      os.truncate(path, path.stat().st_size // 2)
    os.kill(os.getpid(), signal.SIGKILL)

  return replaced


if __name__ == '__main__':
  main(sys.argv[1:])

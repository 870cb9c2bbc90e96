"""Numbers and names as a reader wants to see them."""

from collections.abc import Mapping
import math
import os
import pathlib
import re
from typing import Any

_SCORES = {
  'top1': 'top-1 accuracy',
  'top5': 'top-5 accuracy',
  'loss': 'loss',
  'miou': 'mean IoU',
  'macc': 'mean accuracy',
  'aacc': 'pixel accuracy',
  'iou': 'IoU',
  'ap': 'AP',
  'ap50': 'AP50',
  'ap75': 'AP75',
  'ap_m': 'AP-M',
  'ap_l': 'AP-L',
  'ar': 'AR',
  'pck': 'PCK',
}
_PREFIXES = ((1e12, 'T'), (1e9, 'G'), (1e6, 'M'), (1e3, 'k'))
_MINUTE, _HOUR = 60, 3600
_SMALL_LOSS = 0.1


def count(value: float) -> str:
  """A number of things with three digits: 14026752 is '14.0 M'."""
  for size, prefix in _PREFIXES:
    if abs(value) >= 0.9995 * size:
      return f'{_three_digits(value / size)} {prefix}'
  return f'{value:.0f}'


def percent(fraction: float) -> str:
  """A fraction as percent with a digit more where it is small: 0.583 is '58.3%', 0.0042 is '0.42%'."""
  hundredths = 100 * fraction
  return f'{hundredths:.2f}%' if 0 < abs(hundredths) < 1 else f'{hundredths:.1f}%'


def sparsity(fraction: float) -> str:
  """A sparsity with as many digits as it has: '90%', '98.5%'."""
  return f'{round(100 * fraction, 6):g}%'


def score(name: str, value: float) -> str:
  """The value of a score: percent, except for a loss."""
  return loss(value) if name == 'loss' else percent(value)


def loss(value: float) -> str:
  """A loss with three decimals, or with three digits where it is small: '2.303', '0.00217'."""
  return f'{value:.3g}' if 0 < abs(value) < _SMALL_LOSS else f'{value:.3f}'


def epoch(row: Mapping[str, Any], epochs: int, metric: str, training_metric: str = '', left: float = 0.0) -> str:
  """What an epoch came to, in one line of a terminal.

  Args:
    row: of the run's metrics.
    epochs: of the run.
    metric: the score that decides.
    training_metric: the score of training batches, where it is another.
    left: seconds that the epochs after it will take; 0 = none is left.
  """
  train, validation = (f' {score_name(name)}' if training_metric else '' for name in (training_metric, metric))
  return (
    f'epoch {row["epoch"]:>3}/{epochs}  loss {loss(row["loss"]):>7}  train {row[f"train_{training_metric or metric}"]:6.1%}{train}'
    f'  val {row["validation"][metric]:6.1%}{validation}  sparsity {row["sparsity"]:5.1%}  MACs {row["macs"] / 1e6:8.2f}M'
    f'  non-zero {row["nonzero_macs"] / 1e6:8.2f}M  lr {row["learning_rate"]:.1e}  {row["seconds"]:5.0f} s'
    + (f', {duration(left)} left' if left > 0 else '')
  )


def score_name(name: str) -> str:
  """A score's name in words."""
  return _SCORES.get(name, name)


def score_title(name: str) -> str:
  """A score's name in words, as a title begins."""
  words = score_name(name)
  return words[:1].upper() + words[1:]


def task_title(name: str) -> str:
  """What a person calls a task: of 'folder:my/photos/' it is 'photos', of 'tfds:cats_vs_dogs' 'cats_vs_dogs'."""
  kind, colon, argument = name.partition(':')
  last = pathlib.PurePath(argument).name if kind != 'tfds' else argument  # A set there is 'NAME/CONFIGURATION'.
  return last if colon and last.strip('.') else name


def command_lines(command: str) -> list[str]:
  """A command, broken before each of its flags."""
  return re.split(r' (?=--)', command)


def shown_path(path: pathlib.Path) -> pathlib.Path:
  """A path as people are told it: from the current folder on where it lies in that."""
  return pathlib.Path(os.path.relpath(path)) if path.absolute().is_relative_to(pathlib.Path.cwd()) else path


def duration(seconds: float) -> str:
  """A time: '42.0 s', '3 min 20 s' or '1 h 02 min'."""
  if seconds < _MINUTE:
    return f'{seconds:.1f} s'
  if seconds < _HOUR:
    return f'{int(seconds // _MINUTE)} min {int(seconds % _MINUTE):02d} s'
  return f'{int(seconds // _HOUR)} h {int(seconds % _HOUR // _MINUTE):02d} min'


def size(number_of_bytes: int) -> str:
  """A file's size in decimal kilobytes or megabytes."""
  return f'{number_of_bytes / 1e6:.2f} MB' if number_of_bytes >= 1e6 else f'{number_of_bytes / 1e3:.1f} KB'


def _three_digits(value: float) -> str:
  digits = 3 - 1 - math.floor(math.log10(max(abs(value), 1)))
  return f'{value:.{max(0, digits)}f}'

"""How large images are where nobody says: that follows the pictures, and what the network begins with."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from st_tf import task as tasks
from st_tf.task import Task

STEP = 32  # What five layers of stride 2 halve evenly; only then networks run sparsely on phones.
FROM_SCRATCH = 96
_LEAST_OF_TRAINED = 96  # For smaller images nobody has published weights of mobile networks.
_LARGEST_WINDOW = 256
_SMALLEST_PART = 0.35**0.5  # Of a picture's side, in a random crop of the training.
_SMALL, _MEDIUM = (160, '2.8'), (224, '5.4')  # Sizes, and what they cost at that of a training from scratch.

Reasoned = Mapping[str, tuple[Any, str]]  # Setting -> (value, why).


def suiting(task: Task, side: int, name: str) -> tuple[tuple[int, int], str]:
  """((height, width) in pixels, why) of the images; the task's own and no word where it cannot show others.

  Photographs that are classified have the size at which not even the smallest random crop is enlarged, but at least 96 pixels where they
  have them themselves or the network is trained, and at most what the network was trained on; from scratch at most 96. Windows of
  segmentation are as large as the pictures, at most 256.

  Args:
    task: with the pictures.
    side: of the images that the network's weights were trained on; 0 = they are random.
    name: of the network.
  """
  if not task.picture_sizes:
    return task.image_size, ''
  median = [int(value) for value in np.median(np.asarray(task.picture_sizes), 0)]
  if task.semantics['kind'] == 'segmentation':
    size = tuple(min(_multiple(value), _LARGEST_WINDOW) for value in median)
    if size == (_LARGEST_WINDOW, _LARGEST_WINDOW):
      return size, f'windows of pictures of {median[0]}x{median[1]} pixels (the median)'
    return size, f'about the size of the pictures, {median[0]}x{median[1]} pixels (the median)'
  shorter = int(np.median([min(size) for size in task.picture_sizes]))
  found, why = _of_trained(shorter, side, name) if side else _of_random(shorter)
  return (found, found), why


def _of_trained(shorter: int, side: int, name: str) -> tuple[int, str]:
  most, part = max(side // STEP * STEP, _LEAST_OF_TRAINED), round(_SMALLEST_PART * shorter)
  size = min(max(_multiple(part), _LEAST_OF_TRAINED), most)
  pictures = f'pictures have {shorter} pixels (shorter side, the median)'
  if shorter < _LEAST_OF_TRAINED:
    return size, f'{pictures}, and {name} needs some more to see anything'
  least = '' if size == _LEAST_OF_TRAINED else f'; --image_size=96 takes {(_LEAST_OF_TRAINED / size) ** 2:.2f} of the MACs'
  if size == most:
    return size, f'what {name} was trained on, and {pictures}{least}'
  return size, f'{pictures}, of which a random crop shows {part} or more{least}'


def _of_random(shorter: int) -> tuple[int, str]:
  if _multiple(shorter) < FROM_SCRATCH:
    return _multiple(shorter), f'about the size of the pictures, {shorter} pixels (shorter side, the median)'
  more, cost = zip(_SMALL, _MEDIUM)
  return FROM_SCRATCH, (
    f'from scratch quick to train, and enough where things fill the picture; {" or ".join(map(str, more))} see more, at {" or ".join(cost)}'
    ' times the MACs'
  )


def taken(task: Task, size: tuple[int, int], why: str) -> tuple[Task, Reasoned, str]:
  """(the task with images of a size, the settings that say so, what is said where there are none).

  Where the size is the task's own, nothing is among the settings: a run of it is the one that it was before sizes followed pictures.

  Args:
    task: what to train on.
    size: (height, width) in pixels.
    why: in words; '' = nothing is said.
  """
  if size == tuple(task.image_size):
    return task, {}, f'image_size {"x".join(map(str, dict.fromkeys(size)))}: {why}' if why else ''
  settings = {name: (value, why if name == 'image_size' else 'likewise') for name, value in tasks.size_settings(size).items()}
  return task.resized(size), settings, ''


def _multiple(side: int) -> int:
  """The nearest multiple of 32, of two that are as near the larger one."""
  return max((side + STEP // 2) // STEP, 1) * STEP

"""Test images with what the ticket says about them."""

import base64
import io
from typing import Any

import numpy as np
from PIL import Image
import tensorflow as tf

from st_tf.task import Sample, Task
from st_tf.task.scoring import readable

_SHOWN_PIXELS = 160


def address(picture: np.ndarray) -> str:
  """A picture [height, width, 3] uint8 as the address of an HTML `img`; small ones are enlarged without smoothing."""
  shown = Image.fromarray(np.asarray(picture, np.uint8))
  longer = max(shown.size)
  if longer > _SHOWN_PIXELS:
    shown.thumbnail((_SHOWN_PIXELS, _SHOWN_PIXELS))
  else:
    factor = _SHOWN_PIXELS // longer
    shown = shown.resize((shown.width * factor, shown.height * factor), Image.Resampling.NEAREST)
  file = io.BytesIO()
  shown.save(file, 'PNG')
  return 'data:image/png;base64,' + base64.b64encode(file.getvalue()).decode()


def collect(task: Task, model: Any, count: int = 12, split: str = 'test', seed: int = 0) -> list[Sample]:
  """A seeded choice of a split's images, never one picked for its answer.

  Args:
    task: gives the data and what is to be shown of it.
    model: maps images [batch, height, width, 3] to outputs.
    count: how many; fewer where the split is smaller.
    split: where they come from.
    seed: of the choice.
  """
  there = task.scored(split)
  wanted = np.random.default_rng(seed).choice(there, min(count, there), replace=False)
  wanted = set(wanted.tolist())
  samples, first = [], 0
  for images, targets in readable(task.dataset(split, 64)):
    chosen = [i for i in range(len(images)) if first + i in wanted]
    first += len(images)
    if not chosen:
      continue
    images, outputs = np.asarray(images)[chosen], task.answers(model, np.asarray(images)[chosen])
    for place, image, output in zip(chosen, images, outputs):
      target = tf.nest.map_structure(lambda values: np.asarray(values[place]), targets)  # noqa: B023 (called at once)
      samples.append(task.sample(task.normalisation.denormalised(image), target, output))
    if len(samples) == len(wanted):
      break
  return samples

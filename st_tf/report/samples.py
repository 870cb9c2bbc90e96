"""Test images with what the ticket says about them."""

import base64
import dataclasses
import io
from typing import Any

import numpy as np
from PIL import Image

from st_tf.task import Task

_SHOWN_PIXELS = 160


@dataclasses.dataclass(frozen=True)
class Sample:
  """One image and what the network says about it.

  Attributes:
    image: [height, width, 3] uint8.
    truth: label of the image.
    guesses: (label, probability), most likely first.
  """

  image: np.ndarray
  truth: str
  guesses: tuple[tuple[str, float], ...]

  @property
  def is_right(self) -> bool:
    """Whether the first guess is the truth."""
    return bool(self.guesses) and self.guesses[0][0] == self.truth

  @property
  def source(self) -> str:
    """The image as the address of an HTML `img`; small images are enlarged without smoothing."""
    picture = Image.fromarray(np.asarray(self.image, np.uint8))
    longer = max(picture.size)
    if longer > _SHOWN_PIXELS:
      picture.thumbnail((_SHOWN_PIXELS, _SHOWN_PIXELS))
    else:
      factor = _SHOWN_PIXELS // longer
      picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
    file = io.BytesIO()
    picture.save(file, 'PNG')
    return 'data:image/png;base64,' + base64.b64encode(file.getvalue()).decode()


def collect(task: Task, model: Any, count: int = 12, split: str = 'test', seed: int = 0) -> list[Sample]:
  """A seeded choice of a split's images, never one picked for its answer.

  Args:
    task: a classification task, whose targets are class numbers [batch] or shares of the classes [batch, classes].
    model: maps images [batch, height, width, 3] to logits [batch, classes].
    count: how many; fewer where the split is smaller.
    split: where they come from.
    seed: of the choice.
  """
  wanted = np.random.default_rng(seed).choice(task.sizes[split], min(count, task.sizes[split]), replace=False)
  wanted = set(wanted.tolist())
  samples, first = [], 0
  for images, targets in task.dataset(split, 64):
    chosen = [i for i in range(len(images)) if first + i in wanted]
    first += len(images)
    if not chosen:
      continue
    images, targets = np.asarray(images)[chosen], np.asarray(targets)[chosen]
    classes = targets if targets.ndim == 1 else targets.argmax(-1)
    for image, truth, output in zip(images, classes, np.asarray(model(images))):
      samples.append(Sample(picture(image, task.mean, task.deviation), task.labels[int(truth)], tuple(task.explain(output))))
    if len(samples) == len(wanted):
      break
  return samples


def picture(image: np.ndarray, mean: tuple[float, ...], deviation: tuple[float, ...]) -> np.ndarray:
  """The uint8 picture that was normalised to `image` [height, width, 3]."""
  pixels = (np.asarray(image, np.float64) * deviation + mean) * 255
  return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)

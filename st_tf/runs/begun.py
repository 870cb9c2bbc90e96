"""Steps of a training that were begun, and what they have given once it is read."""

import collections
import math
from typing import Any

import numpy as np
import tensorflow as tf

from st_tf.runs.continuing import Sums, diverged
from st_tf.task import Task
from st_tf.training import replicas


class Begun:
  """The steps whose loss and outputs were not read yet. Of a GPU one always is not, so that it has the next step when it ends this one.

  Args:
    task: scores outputs.
    strategy: by which they are spread.
  """

  def __init__(self, task: Task, strategy: tf.distribute.Strategy):
    self._task, self._strategy, self._ahead = task, strategy, replicas.ahead()
    self._steps: collections.deque[tuple[int, Any, Any, Any]] = collections.deque()

  def add(self, step: int, targets: Any, loss: Any, outputs: Any, sums: Sums) -> None:
    """Notes one, and reads those before it.

    Args:
      step: its number, from 1.
      targets: of its batch.
      loss: as `Trainer.train` gives it.
      outputs: likewise.
      sums: of what is read.

    Raises:
      DivergedError: as of `read`.
    """
    self._steps.append((step, targets, loss, outputs))
    self.read(sums, self._ahead)

  def read(self, sums: Sums, but: int = 0) -> None:
    """Adds to the sums what steps have given, of all but so many of the last.

    Raises:
      DivergedError: a loss is no finite number.
    """
    while len(self._steps) > but:
      step, targets, loss, outputs = self._steps.popleft()
      value = float(loss)
      if not math.isfinite(value):
        raise diverged('The loss is a finite number', value, step)
      sums.loss += value
      sums.score += self._task.batch_score(tf.nest.map_structure(np.asarray, targets), replicas.gathered(self._strategy, outputs))
      sums.batches += 1

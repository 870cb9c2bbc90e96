"""Scores of anything that maps images to outputs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
import re
from typing import Any

import numpy as np
import tensorflow as tf

from st_tf.task import Metrics, Task, TaskError, confidence


def score(infer: Callable[[np.ndarray], np.ndarray], task: Task, split: str, batch_size: int, metrics: Metrics | None = None) -> Metrics:
  """The task's metrics over all of `split`.

  Args:
    infer: images [batch, height, width, 3] -> outputs.
    task: gives the data and the metrics.
    split: which examples.
    batch_size: examples per call of `infer`.
    metrics: to add to; None = fresh ones.
  """
  metrics = metrics or task.metrics()
  for images, targets in readable(task.dataset(split, batch_size).as_numpy_iterator()):
    metrics.update(targets, task.answers(infer, images))
  return metrics


def interval(metrics: Metrics, task: Task, splits: Sequence[str]) -> tuple[float, float] | None:
  """The 95% interval of the score that decides; None where it is not known.

  Args:
    metrics: of all examples of `splits`.
    task: of which they are.
    splits: in the order in which they were added.
  """
  pictures, start = [], 0
  for split in splits:
    pictures.append(start + task.pictures(split))
    start += task.sizes[split]
  metric = task.primary_metric
  return metrics.interval(np.concatenate(pictures)) or confidence.interval(metric, metrics.result()[metric], start)


def readable(batches: Iterable[Any]) -> Iterator[Any]:
  """The batches; a data error that tf.data has wrapped comes out as it went in.

  Raises:
    TaskError: a file cannot be read.
  """
  try:
    yield from batches
  except tf.errors.OpError as error:
    match = re.search(r'TaskError: (.*)', str(error))
    if match:
      raise TaskError(match.group(1)) from error
    raise

"""How data is read: in one order, several examples at a time, some batches ahead of the training."""

import os

import numpy as np
import tensorflow as tf

from st_tf.task import SPLITS, TaskError

PARALLEL = os.cpu_count() or 1
_BATCHES_AHEAD = 2


def of_worker(order: np.ndarray, batch_size: int, share: tuple[int, int]) -> tuple[np.ndarray, int]:
  """(indices of one worker's part of every batch, how many that is a batch).

  Args:
    order: indices of all examples, in the order in which they are wanted.
    batch_size: examples per batch of all workers.
    share: (which of the workers, how many there are).

  Raises:
    TaskError: the batch is not for so many.
  """
  index, count = share
  if count == 1:
    return order, batch_size
  if batch_size % count or not 0 <= index < count:
    raise TaskError(f'A batch is shared evenly among workers. Received: {batch_size} for worker {index} of {count}.')
  whole, mine = len(order) // batch_size * batch_size, batch_size // count
  return order[:whole].reshape(-1, count, mine)[:, index].ravel(), mine


def ahead(batches: tf.data.Dataset) -> tf.data.Dataset:
  """The batches in their own order, the next ones made while one is in use.

  tf.data's tuner of such numbers is off. It sleeps for longer and longer, up to a minute, and whoever is done with a dataset waits
  until it wakes: 10 idle seconds after each epoch of 17 in a training on CamVid.
  """
  options = tf.data.Options()
  options.deterministic = True
  options.autotune.enabled = False
  return batches.prefetch(_BATCHES_AHEAD).with_options(options)


def check(split: str, batch_size: int, start_batch: int) -> None:
  """Looks at what a dataset is asked for.

  Raises:
    TaskError: no such split, or a batch size or start below its minimum.
  """
  if split not in SPLITS:
    raise TaskError(f'A split is one of {", ".join(SPLITS)}. Received: {split!r}.')
  if batch_size < 1 or start_batch < 0:
    raise TaskError(f'A batch has at least one example and batches count from 0. Received: {batch_size}, {start_batch}.')

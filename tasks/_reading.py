"""How data is read: in one order, several examples at a time, some batches ahead of the training."""

import os

import tensorflow as tf

from st_tf.task import SPLITS, TaskError

PARALLEL = os.cpu_count() or 1
_BATCHES_AHEAD = 2


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

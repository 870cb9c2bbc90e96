"""How much each class weighs in the loss, from what `--class_weights` says."""

import numpy as np
import tensorflow as tf

from st_tf.task import TaskError

BALANCED = 'balanced'


def class_weights(text: str, classes: int, train_labels: np.ndarray | None = None) -> tf.Tensor | None:
  """[classes] float32, or None when every class weighs 1.

  Args:
    text: 'balanced', or a number per class with commas between them; empty = all weigh the same.
    classes: how many there are.
    train_labels: [n] class of every training example, which 'balanced' counts; None where an example shows several.

  Raises:
    TaskError: it is neither.
  """
  if not text:
    return None
  if text == BALANCED and train_labels is not None:
    counts = np.bincount(train_labels, minlength=classes)
    return tf.constant(len(train_labels) / (classes * np.maximum(counts, 1)), tf.float32)
  try:
    weights = np.asarray([float(number) for number in text.split(',')], np.float32)
  except ValueError:
    weights = np.zeros(0, np.float32)
  if len(weights) != classes or not np.isfinite(weights).all() or weights.min() < 0 or not weights.any():
    numbers = 'comma-separated numbers'
    if train_labels is not None:
      rule = f"--class_weights is '{BALANCED}' or {classes} {numbers}, none negative, not all 0."
    else:
      rule = f'--class_weights is {classes} {numbers} here, none negative, not all 0; {BALANCED} is for classification.'
    raise TaskError(f'{rule} Received: {text!r}.')
  return tf.constant(weights)

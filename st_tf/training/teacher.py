"""A trained network that a run learns from beside the targets (distillation: Hinton et al., 2015)."""

import dataclasses
import functools

import tensorflow as tf
import tf_keras as keras

from st_tf.models import cost
from st_tf.task.normalisation import Normalisation


@dataclasses.dataclass(frozen=True)
class Teacher:
  """A network that is asked and never changes.

  Attributes:
    model: images [batch, height, width, 3], normalised as it was trained -> outputs [batch, ...], as the task's networks give them.
    normalisation: of the images that it was trained on.
    source: fingerprint of the ticket that it is; empty where it is none.
  """

  model: keras.Model
  normalisation: Normalisation
  source: str = ''

  @functools.cached_property
  def macs(self) -> int:
    """Multiply-accumulates for one image."""
    return cost.of(self.model).macs

  def __call__(self, images: tf.Tensor, given: Normalisation) -> tf.Tensor:
    """Its outputs for images that are normalised with `given`, without a gradient."""
    return tf.stop_gradient(self.model(given.onto(self.normalisation)(images), training=False))


def distillation(kind: str, outputs: tf.Tensor, taught: tf.Tensor, temperature: float) -> tf.Tensor:
  """How far outputs are from a teacher's, [batch] float32.

  For classes it is the Kullback-Leibler divergence of softened probabilities times the squared temperature (Hinton et al., 2015,
  section 2), the mean over all positions where there are several; for heat maps the mean squared difference.

  Args:
    kind: what the outputs are: one of `st_tf.task.KINDS`.
    outputs: [batch, ..., classes or joints].
    taught: likewise, of the teacher.
    temperature: that logits are divided by.
  """
  if kind == 'keypoints':
    return tf.reduce_mean(tf.math.squared_difference(outputs, taught), list(range(1, len(outputs.shape))))
  wanted = tf.nn.softmax(taught / temperature)
  apart = wanted * (tf.nn.log_softmax(taught / temperature) - tf.nn.log_softmax(outputs / temperature))
  divergence = tf.reduce_sum(apart, -1)
  if len(divergence.shape) > 1:
    divergence = tf.reduce_mean(divergence, list(range(1, len(divergence.shape))))
  return temperature**2 * divergence

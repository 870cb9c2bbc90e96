"""The functions that `st_tf.arch.specs.ACTIVATIONS` names."""

from collections.abc import Callable

import tensorflow as tf
import tf_keras as keras


@keras.saving.register_keras_serializable('st_tf')
def hard_swish(x: tf.Tensor) -> tf.Tensor:
  """x * relu6(x + 3) / 6, in the form that mobile runtimes know."""
  return x * tf.nn.relu6(x + 3.0) * (1 / 6)


ACTIVATIONS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
  'relu': tf.nn.relu,
  'relu6': tf.nn.relu6,
  'hard_swish': hard_swish,
  'swish': tf.nn.silu,
}

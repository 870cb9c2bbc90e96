"""Gradients of half precision: those of float16 are taken of a larger loss, so that small ones are not zero."""

from collections.abc import Sequence

import tensorflow as tf

_SCALED = 'mixed_float16'  # bfloat16 has float32's exponents.
_SCALE = 1024.0  # float16 ends at 6e-8.


def scaled(loss: tf.Tensor, precision: str) -> tf.Tensor:
  """The loss of which gradients are taken (Micikevicius et al., Mixed Precision Training, ICLR 2018, section 3.2)."""
  return loss * _SCALE if precision == _SCALED else loss


def unscaled(gradients: Sequence[tf.Tensor], precision: str) -> list[tf.Tensor]:
  """The gradients of the loss itself; all of them zeros where one is no finite number, as happens in float16."""
  if precision != _SCALED:
    return list(gradients)
  finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(gradient)) for gradient in gradients])
  return [tf.where(finite, gradient / _SCALE, tf.zeros_like(gradient)) for gradient in gradients]

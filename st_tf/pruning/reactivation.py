"""What pruned weights do between two rankings, as functions of tensors: `RegrowthPruning` says which there are.

A network has hundreds of pruned kernels, and each takes some twenty operations. They are traced once per kind of kernel, and each kernel
calls the trace: a step of the high-resolution network has a third fewer operations to build, to prepare and to take.
"""

from collections.abc import Callable
import dataclasses
import functools
from typing import NamedTuple

import tensorflow as tf

_SMALLEST_SLOPE = 0.03  # About the root of batch norm's epsilon: it multiplies gradients no further.
BOUND = 2.0  # Thresholds a pruned weight may grow to under 'dense_gradient': enough to win the next ranking.


class Effective(NamedTuple):
  """An effective weight.

  Attributes:
    value: what the layer computes with.
    factor: what the gradients of the dense weight are multiplied by.
    rest: value - weight * factor, without a gradient.
  """

  value: tf.Tensor
  factor: tf.Tensor
  rest: tf.Tensor


@dataclasses.dataclass(frozen=True)
class Reactivation:
  """One of `st_tf.config.REACTIVATIONS`, with its settings.

  Attributes:
    kind: which.
    damping: share, from 0 to 1, of the gradient that pruned weights get under 'dense_gradient'.
    unit_axes: the axes of a weight over which an output unit's gradients are multiplied by the size of its effective weights
      over that of its kept ones, at most by 1; None = they are not.
  """

  kind: str
  damping: float
  unit_axes: tuple[int, ...] | None = None

  def effective(self, weight: tf.Tensor, mask: tf.Tensor, threshold: tf.Tensor, scale: tf.Tensor, is_open: tf.Tensor) -> Effective:
    """What a layer computes with, and what its weights' gradients are.

    Args:
      weight: the dense one.
      mask: of the same shape, 1 where it is kept.
      threshold: the magnitude that separates kept from pruned; of a shape that the weight's can be multiplied by.
      scale: [], of what is left above the threshold.
      is_open: [], 1 while pruned weights may come back.
    """
    parts = Effective(*_traced(self, 'effective')(tf.stop_gradient(weight), mask, threshold, scale, is_open))
    for part in parts:
      part.set_shape(weight.shape)
    return parts

  def settled(self, before: tf.Tensor, after: tf.Tensor, mask: tf.Tensor, threshold: tf.Tensor, is_open: tf.Tensor) -> tf.Tensor:
    """What a weight is after an optimizer's step: without what must not happen to pruned ones.

    Args:
      before: the dense weight before the step.
      after: likewise after it.
      mask: as for `effective`.
      threshold: likewise.
      is_open: likewise.
    """
    return _traced(self, 'settled')(before, after, mask, threshold, is_open)

  def _effective(self, weight, mask, threshold, scale, is_open):
    is_open = tf.cast(is_open, mask.dtype)  # Weights may be of half precision.
    value, factor = self._value_and_factor(weight, mask, threshold, scale, is_open)
    return value, factor, value - weight * factor

  def _value_and_factor(self, weight, mask, threshold, scale, is_open):
    if self.kind != 'soft_threshold':
      return weight * mask, tf.maximum(mask, self.damping * is_open) if self.kind == 'dense_gradient' else mask
    reach = tf.maximum(mask, is_open)
    value = (weight - tf.clip_by_value(weight, -threshold, threshold)) * scale * reach
    return value, reach * self._slope(weight * mask, value) if self.unit_axes is not None else reach

  def _slope(self, kept, effective):
    sizes = [tf.sqrt(tf.reduce_sum(tf.square(value), self.unit_axes, keepdims=True)) for value in (effective, kept)]
    return tf.clip_by_value(tf.math.divide_no_nan(*sizes), _SMALLEST_SLOPE, 1.0)

  def _settled(self, before, after, mask, threshold, is_open):
    pruned = tf.equal(mask, 0.0)
    frozen = tf.logical_and(pruned, tf.equal(is_open, 0.0))
    value = tf.where(frozen, before, after)
    if self.kind != 'dense_gradient':
      return value
    bound = tf.where(pruned, BOUND * threshold, value.dtype.max)
    return tf.where(frozen, value, tf.clip_by_value(value, -bound, bound))


@functools.cache
def _traced(reactivation: Reactivation, name: str) -> Callable:
  return tf.function(getattr(reactivation, f'_{name}'), autograph=False, reduce_retracing=True)

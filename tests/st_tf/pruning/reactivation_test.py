"""What is computed of pruned weights, by hand."""

import numpy as np
import pytest
import tensorflow as tf

from st_tf.config import REACTIVATIONS
from st_tf.pruning.reactivation import Reactivation

WEIGHT, MASK = [3.0, -1.0, 0.5, -2.0], [1.0, 0.0, 0.0, 1.0]


def found(kind, is_open, damping=0.1):
  parts = Reactivation(kind, damping).effective(*map(tf.constant, (WEIGHT, MASK, 1.0, 2.0, is_open)))
  return [part.numpy().tolist() for part in parts]


def test_masked_weights_compute_nothing_and_get_no_gradient():
  assert found('masked', 1.0) == found('masked', 0.0) == [[3, 0, 0, -2], MASK, [0, 0, 0, 0]]


def test_damped_gradients_reach_pruned_weights_until_the_mask_is_final():
  value, factor, rest = found('dense_gradient', 1.0, damping=0.25)
  assert value == [3, 0, 0, -2] and factor == [1, 0.25, 0.25, 1] and rest == [0, 0.25, -0.125, 0]
  assert found('dense_gradient', 0.0)[1] == MASK


def test_soft_thresholds_are_taken_off_and_what_is_left_is_scaled():
  value, factor, rest = found('soft_threshold', 1.0)
  assert value == [4, 0, 0, -2] and factor == [1, 1, 1, 1] and rest == [1, 1, -0.5, 0]
  assert found('soft_threshold', 0.0)[:2] == [[4, 0, 0, -2], MASK]


def test_units_whose_effective_weights_are_small_get_smaller_gradients():
  parts = Reactivation('soft_threshold', 0.1, (0,)).effective(
    *map(tf.constant, ([[4.0, 1.5, 0.5], [3.0, 0.0, 0.0]], [[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]], 1.0, 1.0, 1.0))
  )
  assert parts.value.numpy().tolist() == [[3, 0.5, 0], [2, 0, 0]]
  np.testing.assert_allclose(parts.factor, [[13**0.5 / 5, 0.5 / 1.5, 0.03]] * 2, rtol=1e-6)


@pytest.mark.parametrize('kind', REACTIVATIONS)
@pytest.mark.parametrize('is_open', [0.0, 1.0])
def test_the_parts_belong_together_and_only_the_weight_has_a_gradient(kind, is_open):
  rng = np.random.default_rng(0)
  weight, mask = tf.constant(rng.normal(size=[3, 3, 4, 5]), tf.float32), tf.constant(rng.integers(0, 2, [3, 3, 4, 5]), tf.float32)
  threshold, scale, is_open = (tf.constant(value) for value in (0.5, 1.5, is_open))
  with tf.GradientTape(persistent=True) as tape:
    tape.watch([weight, mask, threshold, scale, is_open])
    parts = Reactivation(kind, 0.1, (0, 1, 2)).effective(weight, mask, threshold, scale, is_open)
    computed = weight * tf.stop_gradient(parts.factor) + tf.stop_gradient(parts.rest)
  np.testing.assert_allclose(computed, parts.value, atol=1e-6)
  np.testing.assert_array_equal(tape.gradient(computed, weight), parts.factor)
  assert tape.gradient(parts.factor, weight) is None and tape.gradient(parts.value, weight) is None


def settled(kind, is_open):
  before, after = [3.0, -1.0, 0.5, -2.0], [4.0, 9.0, -9.0, 1.5]
  return Reactivation(kind, 0.1).settled(*map(tf.constant, (before, after, MASK, 1.0, is_open))).numpy().tolist()


def test_steps_do_not_move_what_is_frozen_and_bound_what_is_damped():
  assert settled('soft_threshold', 1.0) == [4, 9, -9, 1.5]
  assert settled('dense_gradient', 1.0) == [4, 2, -2, 1.5]
  assert settled('dense_gradient', 0.0) == settled('soft_threshold', 0.0) == settled('masked', 0.0) == [4, -1, 0.5, 1.5]


def test_kernels_of_one_kind_are_traced_twice_at_most():
  traces, reactivation = [], Reactivation('masked', 0.1)

  class Counting(Reactivation):
    """Counts the calls of what is traced."""

    def _value_and_factor(self, *parts):
      traces.append(parts[0].shape)
      return super()._value_and_factor(*parts)

  for units in range(1, 20):
    kernel = tf.ones([3, 3, units, 2 * units])
    state = (tf.ones_like(kernel), tf.constant(0.0), tf.constant(1.0), tf.constant(1.0))
    assert Counting(reactivation.kind, reactivation.damping).effective(kernel, *state).value.shape == kernel.shape
  assert len(traces) == 2

import numpy as np
import pytest
import tensorflow as tf

from st_tf.training.half import scaled, unscaled


@pytest.mark.parametrize(('precision', 'factor'), [('float32', 1), ('mixed_bfloat16', 1), ('mixed_float16', 1024)])
def test_gradients_are_taken_of_a_larger_loss_where_small_ones_would_be_zero(precision, factor):
  assert float(scaled(tf.constant(0.5), precision)) == 0.5 * factor
  (gradient,) = unscaled([tf.constant([1.0, -2.0])], precision)
  assert gradient.numpy().tolist() == [1 / factor, -2 / factor]


@pytest.mark.parametrize('broken', [np.inf, np.nan])
def test_a_step_with_gradients_beyond_float16_is_none(broken):
  found = unscaled([tf.constant([1.0, broken]), tf.constant([3.0])], 'mixed_float16')
  assert [gradient.numpy().tolist() for gradient in found] == [[0, 0], [0]]
  kept = unscaled([tf.constant([1.0, broken])], 'mixed_bfloat16')[0].numpy()
  assert not np.isfinite(kept[1]), 'which has the range of float32: the run tells of it'

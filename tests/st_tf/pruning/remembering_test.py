"""What the layer's weight and the dense one are, by hand."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from st_tf.pruning import Cubic, wrap
from st_tf.pruning.fit import apply_ranking
from st_tf.pruning.remembering import Drive
from st_tf.pruning.wrapper import REACTIVATIONS, current_mask, wrappers

WEIGHTS = np.array([3.0, -1.0, 0.5, -2.0], np.float32)


class Paired(keras.layers.Layer):
  """A layer with two prunable weights, a setting and a use for the phase of training."""

  def build(self, shape):
    self.left = self.add_weight('left', [shape[-1], 2])
    self.right = self.add_weight('right', [shape[-1], 2])

  def call(self, inputs, training=False):
    return inputs @ self.left + inputs @ self.right + (1.0 if training else 0.0)

  def get_prunable_weights(self):
    return [self.left, self.right]


def dense(reactivation, unit_slope=False):
  """A layer of four weights at 50%, wrapped and ranked, within a step; its drive."""
  model = keras.Sequential([keras.Input([4]), keras.layers.Dense(1, use_bias=False, name='dense')])
  model.set_weights([WEIGHTS[:, None]])
  model = wrap(model, Cubic(0.5, 0, 10, 1), reactivation, unit_slope=unit_slope)
  drive = Drive(wrappers(model))
  apply_ranking(model, 0.5, 'global', 0.01)
  drive.wrappers[0].show()
  drive.begin()
  return model, drive


def weights(drive):
  wrapper = drive.wrappers[0]
  return wrapper.layer.kernel.numpy()[:, 0].tolist(), wrapper.dense(0).numpy()[:, 0].tolist()


@pytest.mark.parametrize('reactivation', ['masked', 'dense_gradient'])
def test_the_layer_s_weight_is_the_masked_one_and_the_dense_one_is_remembered(reactivation):
  assert weights(dense(reactivation)[1]) == ([3, 0, 0, -2], WEIGHTS.tolist())


def test_under_a_soft_threshold_it_is_what_is_left_above():
  shown, remembered = weights(dense('soft_threshold')[1])
  np.testing.assert_allclose(shown, [10 / 3, 0, 0, -5 / 3], rtol=1e-6)
  assert remembered == WEIGHTS.tolist()


@pytest.mark.parametrize(
  ('reactivation', 'shown', 'remembered'),
  [
    ('masked', [3.5, 0, 0, -2], [3.5, -1, 0.5, -2]),
    ('dense_gradient', [3.5, 0, 0, -2], [3.5, -1.5, 2, -2]),  # Bounded by two thresholds.
    ('soft_threshold', [2.5 * 5 / 3, -0.5 * 5 / 3, 2 * 5 / 3, -5 / 3], [3.5, -1.5, 3, -2]),
  ],
)
def test_what_moves_the_layer_s_weight_moves_the_dense_one(reactivation, shown, remembered):
  drive = dense(reactivation)[1]
  drive.wrappers[0].layer.kernel.assign_add([[0.5], [-0.5], [2.5], [0]])
  for _ in range(2):  # A second time nothing has moved.
    drive.end()
    found = weights(drive)
    np.testing.assert_allclose(found[0], shown, rtol=1e-6)
    np.testing.assert_allclose(found[1], remembered, rtol=1e-6)


@pytest.mark.parametrize('unit_slope', [False, True])
@pytest.mark.parametrize(
  ('reactivation', 'expected'), [('masked', [1, 0, 0, 4]), ('dense_gradient', [1, 0.2, 0.3, 4]), ('soft_threshold', [1, 2, 3, 4])]
)
def test_gradients_are_those_of_a_run(reactivation, expected, unit_slope):
  model, drive = dense(reactivation, unit_slope)
  with tf.GradientTape() as tape:
    loss = tf.reduce_sum(model(np.array([[1.0, 2, 3, 4]], np.float32), training=True))
  np.testing.assert_allclose(tape.gradient(loss, drive.wrappers[0].layer.kernel).numpy()[:, 0], expected, rtol=1e-6)
  assert float(loss) == float(model(np.array([[1.0, 2, 3, 4]], np.float32))[0, 0])


@pytest.mark.parametrize('reactivation', REACTIVATIONS)
def test_what_is_forgotten_stays_zero(reactivation):
  model, drive = dense(reactivation)
  apply_ranking(model, 0.5, 'global', 0.01, closed=True)
  drive.wrappers[0].show()
  drive.wrappers[0].forget()
  shown, remembered = weights(drive)
  assert shown == remembered and shown[1:3] == [0, 0]
  drive.wrappers[0].layer.kernel.assign_add([[1.0], [1.0], [1.0], [1.0]])
  drive.end(1)
  np.testing.assert_allclose(weights(drive), [[shown[0] + 1, 0, 0, shown[3] + 1]] * 2, rtol=1e-6)
  assert drive.step == 1


def test_a_step_is_in_progress_between_its_beginning_and_its_end():
  model, drive = dense('masked')
  inputs = np.ones([1, 4], np.float32)
  assert drive.is_on and float(model(inputs, training=True)[0, 0]) == 1
  drive.end(1)
  assert not drive.is_on and drive.step == 1
  with pytest.raises(ValueError, match='Received: a training step without it'):
    model(inputs, training=True)
  assert float(model(inputs, training=False)[0, 0]) == float(model(inputs)[0, 0]) == 1


def test_a_layer_with_two_weights_is_saved_with_both(tmp_path):
  model = wrap(keras.Sequential([keras.Input([4]), Paired(name='paired')]), Cubic(0.5, 0, 10, 1))
  apply_ranking(model, 0.5, 'global', 0.01, closed=True)
  wrappers(model)[0].show()
  assert set(current_mask(model)) == {'paired/left', 'paired/right'} and current_mask(model).zeros == 8
  model.save(tmp_path / 'model.h5')
  again = keras.models.load_model(tmp_path / 'model.h5', custom_objects={'Paired': Paired})
  inputs = np.ones([1, 4], np.float32)
  assert np.array_equal(again(inputs), model(inputs)) and current_mask(again).zeros == 8
  Drive(wrappers(again)).begin()
  np.testing.assert_allclose(again(inputs, training=True), model(inputs) + 1, rtol=1e-6)


def test_masks_of_what_comes_before_go_through():
  inputs = keras.Input([3], dtype='int32')
  x = keras.layers.Embedding(5, 4, mask_zero=True, name='rows')(inputs)
  model = keras.Model(inputs, keras.layers.LSTM(2, name='cells')(keras.layers.Dense(4, name='dense')(x)))
  with pytest.warns(UserWarning, match='rows: .* cells: '):
    wrapped = wrap(model, Cubic(0.5, 0, 10, 1))
  tokens = np.array([[1, 2, 0]])
  assert np.array_equal(wrapped(tokens), model(tokens))


def test_what_a_layer_asks_of_its_outputs_is_asked_of_the_wrapper_s():
  model = keras.Sequential([keras.Input([4]), keras.layers.Dense(3, activity_regularizer='l2')])
  model.compile('sgd', 'mse')
  other = wrap(model, Cubic(0.5, 0, 4, 2))
  other.compile('sgd', 'mse')
  values, wanted = np.ones([2, 4], np.float32), model(np.ones([2, 4], np.float32))
  assert other.evaluate(values, wanted, verbose=0) == model.evaluate(values, wanted, verbose=0) > 0

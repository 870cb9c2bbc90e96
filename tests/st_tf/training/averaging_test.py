import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from st_tf.training import averaging

START = np.array([1.0, 2.0], np.float32)


def test_the_decay_is_stated_per_4096_examples_and_starts_small():
  assert averaging.decay_at(0, 0.9999, 4096) == pytest.approx(1 / 10)
  assert averaging.decay_at(8, 0.9999, 4096) == pytest.approx(9 / 18)
  assert averaging.decay_at(10**9, 0.9999, 4096) == pytest.approx(0.9999)
  assert averaging.decay_at(10**9, 0.9999, 512) == pytest.approx(0.9999 ** (1 / 8))
  assert averaging.decay_at(10**9, 0.9, 8192) == pytest.approx(0.81)


def test_averages_follow_their_variables_by_hand():
  kernel, count = tf.Variable(START), tf.Variable(3, dtype=tf.int64)
  averages = averaging.Averages({'kernel': kernel, 'count': count})
  assert set(averages.values()) == {'kernel'}, 'whole numbers have no average'
  kernel.assign([5.0, 0.0])
  averages.update(tf.constant(0.75))
  np.testing.assert_allclose(averages.values()['kernel'], [0.75 * 1 + 0.25 * 5, 0.75 * 2], rtol=1e-6)
  averages.update(tf.constant(0.5))
  np.testing.assert_allclose(averages.values()['kernel'], [0.5 * 2 + 0.5 * 5, 0.5 * 1.5], rtol=1e-6)
  np.testing.assert_array_equal(kernel.numpy(), [5, 0])


def test_without_decay_averages_are_their_variables_bit_for_bit():
  kernel = tf.Variable(START)
  averages = averaging.Averages({'kernel': kernel})
  kernel.assign([1e-9, 1 / 3])
  averages.update(tf.constant(0.0))
  assert np.array_equal(averages.values()['kernel'], kernel.numpy())


def test_averages_are_set_by_name_and_what_has_none_is_passed_over():
  averages = averaging.Averages({'kernel': tf.Variable(START)})
  averages.assign({'kernel': np.array([7, 8], np.float32), 'count': np.int64(3)})
  np.testing.assert_array_equal(averages.values()['kernel'], [7, 8])


def test_averages_of_several_variables_do_not_get_mixed_up():
  matrix = np.arange(6, dtype=np.float32).reshape(2, 3)
  averages = averaging.Averages({'kernel': tf.Variable(START), 'scale': tf.Variable(3.0), 'matrix': tf.Variable(matrix)})
  averages.assign({'scale': np.float32(5.0)})
  found = averages.values()
  assert found['scale'] == 5.0 and np.array_equal(found['kernel'], START) and np.array_equal(found['matrix'], matrix)
  with pytest.raises(ValueError, match='reshape'):
    averages.assign({'kernel': matrix[0], 'matrix': np.zeros((1, 5), np.float32)})


@pytest.mark.parametrize('fails', [False, True])
def test_swapped_variables_are_afterwards_what_they_were_bit_for_bit(fails):
  values = {'a': np.array([0.1, -0.0, 1e-42], np.float32), 'count': np.int64(2**40 + 1), 'untouched': START}
  variables = {name: tf.Variable(value) for name, value in values.items()}
  try:
    with averaging.swapped(variables, {'a': np.zeros(3, np.float32)}):
      assert not variables['a'].numpy().any()
      variables['count'].assign_add(1)
      variables['untouched'].assign([9, 9])
      if fails:
        raise RuntimeError
  except RuntimeError:
    assert fails
  for name, value in values.items():
    assert variables[name].numpy().tobytes() == value.tobytes()


@pytest.fixture(scope='module')
def normalised():
  """(model of two batch norms, batches, a first run of them)."""
  inputs = keras.Input((4, 4, 2))
  first = keras.layers.BatchNormalization(momentum=0.9, name='first')(inputs)
  second = keras.layers.BatchNormalization(momentum=0.5, name='second')(keras.layers.GlobalAveragePooling2D()(first * first))
  model = keras.Model(inputs, second)
  rng = np.random.default_rng(5)
  batches = [tf.constant(rng.normal(loc, scale, (6, 4, 4, 2)), tf.float32) for loc, scale in ((0, 1), (3, 2), (-1, 0.5))]
  recalibration = averaging.Recalibration(model)
  recalibration.run(batches)
  return model, batches, recalibration


def test_recalibrated_statistics_are_the_mean_of_the_batches(normalised):
  model, batches, _ = normalised
  layer, arrays = model.get_layer('first'), [batch.numpy().astype(np.float64) for batch in batches]
  np.testing.assert_allclose(layer.moving_mean, np.mean([array.mean((0, 1, 2)) for array in arrays], 0), rtol=1e-4, atol=1e-5)
  # The fused batch norm of images keeps the unbiased variance.
  np.testing.assert_allclose(layer.moving_variance, np.mean([array.var((0, 1, 2), ddof=1) for array in arrays], 0), rtol=1e-4)


def test_deeper_statistics_are_taken_behind_batch_norms_in_training(normalised):
  model, batches, _ = normalised
  layer, outputs = model.get_layer('second'), []
  for batch in batches:
    array = batch.numpy().astype(np.float64)
    array = (array - array.mean((0, 1, 2))) / np.sqrt(array.var((0, 1, 2)) + 1e-3)
    outputs.append((array**2).mean((1, 2)))
  np.testing.assert_allclose(layer.moving_mean, np.mean([output.mean(0) for output in outputs], 0), rtol=1e-4)
  np.testing.assert_allclose(layer.moving_variance, np.mean([output.var(0) for output in outputs], 0), rtol=1e-3)


def test_recalibrating_again_gives_the_same_and_nothing_else_changes(normalised):
  model, batches, recalibration = normalised
  before = [variable.numpy() for variable in model.variables]
  for variable in model.get_layer('first').non_trainable_variables:
    variable.assign(variable + 100)
  recalibration.run(batches)
  assert all(np.array_equal(variable.numpy(), value) for variable, value in zip(model.variables, before))


def test_without_a_batch_the_statistics_stay(normalised):
  model, _, recalibration = normalised
  before = [variable.numpy() for variable in model.variables]
  recalibration.run([])
  assert all(np.array_equal(variable.numpy(), value) for variable, value in zip(model.variables, before))

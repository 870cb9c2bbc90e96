import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from st_tf.models.graph import graph_of
from st_tf.search import moments
from tests import networks

SHAPE = (6, 6, 3)


@pytest.fixture(scope='module')
def model():
  """A depthwise convolution with its activation, and what reads it."""
  image = keras.Input(SHAPE, name='image')
  x = keras.layers.ReLU(6.0, name='act')(keras.layers.Conv2D(8, 1, name='expand')(image))
  x = keras.layers.Conv2D(4, 3, padding='same', name='project')(x)
  built = keras.Model(image, keras.layers.Dense(2, name='classifier')(keras.layers.GlobalAveragePooling2D(name='pool')(x)))
  return networks.stirred(built, np.random.default_rng(0))


@pytest.fixture(scope='module')
def images():
  rng = np.random.default_rng(1)
  return [tf.constant(rng.normal(size=(count, *SHAPE)), tf.float32) for count in (4, 3)]


def test_moments_are_those_over_all_pictures_and_places(model, images):
  found = moments.moments(model, graph_of(model), images)
  assert set(found) == {'image', 'act', 'pool'}
  activation = keras.Model(model.input, model.get_layer('act').output)
  together = np.concatenate([activation(batch).numpy() for batch in images]).reshape(-1, 8).astype(np.float64)
  np.testing.assert_allclose(found['act'].mean, together.mean(0), rtol=1e-4)
  np.testing.assert_allclose(found['act'].covariance, np.cov(together.T, bias=True), rtol=1e-3, atol=1e-4)
  np.testing.assert_allclose(found['act'].variance, together.var(0), rtol=1e-3)
  np.testing.assert_allclose(moments.deviations(found)['act'], together.std(0), rtol=1e-3)


def test_of_many_channels_each_is_taken_alone(model, images, monkeypatch):
  whole = moments.moments(model, graph_of(model), images)
  monkeypatch.setattr(moments, 'MOST', 7)
  found = moments.moments(model, graph_of(model), images)
  assert found['act'].covariance is None and found['pool'].covariance.shape == (4, 4)
  np.testing.assert_allclose(found['act'].variance, whole['act'].variance, rtol=1e-4)


def test_without_pictures_there_are_none(model):
  with pytest.raises(ValueError, match='scored on pictures'):
    moments.moments(model, graph_of(model), [])


def test_their_macs_are_counted(model, monkeypatch):
  assert moments.macs(graph_of(model)) == 36 * (3 * 3 + 8 * 8) + 4 * 4
  monkeypatch.setattr(moments, 'MOST', 7)
  assert moments.macs(graph_of(model)) == 36 * (3 * 3 + 8) + 4 * 4


@pytest.mark.parametrize('dtype', [tf.float16, tf.bfloat16])
def test_sums_of_half_precision_are_whole(dtype):
  output = tf.cast(np.random.default_rng(2).normal(3.0, 1.0, (8, 128, 128, 4)), dtype)
  found = moments._moments(*(value.numpy() for value in moments._sums(output)))
  wanted = np.float64(tf.cast(output, tf.float32)).reshape(-1, 4)
  np.testing.assert_allclose(found.mean, wanted.mean(0), rtol=1e-3)
  np.testing.assert_allclose(found.variance, wanted.var(0), rtol=2e-2)

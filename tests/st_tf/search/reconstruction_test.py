import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from st_tf.models.graph import graph_of, read
from st_tf.search import reconstruction, scores
from st_tf.search.analysis import analyse
from st_tf.search.moments import Moments, moments
from st_tf.search.reconstruction import Reconstruction, compensated
from tests import networks

SHAPE = (6, 6, 3)


def values(model):
  return {name: variable.numpy() for name, variable in read(model)[1].items()}


def hidden(reader, behind=()):
  """A network whose hidden units `reader` reads, between a stem and a head; stirred."""
  image = keras.Input(SHAPE, name='image')
  x = keras.layers.ReLU(name='act')(keras.layers.Conv2D(8, 1, name='expand')(image))
  x = reader(x)
  for layer in behind:
    x = layer(x)
  x = keras.layers.Dense(3, name='classifier')(keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x)))
  return networks.stirred(keras.Model(image, x), np.random.default_rng(0))


def images(count=12):
  return tf.constant(np.random.default_rng(1).normal(size=(count, *SHAPE)), tf.float32)


def tied(model):
  """Makes hidden unit 7 say twice what unit 2 says, and unit 6 always the same."""
  kernel, bias = (weight.numpy() for weight in model.get_layer('expand').weights)
  kernel[..., 7], bias[7] = 2 * kernel[..., 2], 2 * bias[2]
  kernel[..., 6], bias[6] = 0, 1.5
  model.get_layer('expand').set_weights([kernel, bias])


def group_of(channels, name='expand'):
  return next(group for group in channels.groups if group.name == name)


def without(units):
  alive = np.ones(8, bool)
  alive[list(units)] = False
  return {'expand': alive}


READERS = {
  'bias': (keras.layers.Conv2D(4, 1, name='project'), ()),
  'norm': (keras.layers.Conv2D(4, 1, name='project', use_bias=False), (keras.layers.BatchNormalization(name='norm'),)),
  'strided': (keras.layers.Conv2D(4, 3, strides=2, name='project'), ()),
}


@pytest.mark.parametrize('name', READERS)
def test_units_that_others_explain_leave_the_function_as_it_is(name, monkeypatch):
  monkeypatch.setattr(reconstruction, 'RIDGE', 1e-9)
  monkeypatch.setattr(reconstruction, '_NOISE', 0.0)
  reader, behind = READERS[name]
  model = hidden(type(reader).from_config(reader.get_config()), [type(layer).from_config(layer.get_config()) for layer in behind])
  tied(model)
  graph = graph_of(model)
  channels, weights, found = analyse(graph), values(model), moments(model, graph, [images()])
  alive, before = without((6, 7)), model(images()).numpy()
  changed = compensated(channels, weights, found, alive)
  assert set(changed) == {'project/kernel', 'norm/moving_mean' if name == 'norm' else 'project/bias'}
  cut = networks.shrunk(model, channels, alive)
  assert np.abs(cut(images()).numpy() - before).max() > 1e-2  # As it is without.
  for name, variable in read(model)[1].items():
    variable.assign(changed.get(name, weights[name]))
  cut = networks.shrunk(model, channels, alive)
  np.testing.assert_allclose(cut(images()), before, atol=2e-3 * np.abs(before).max())


def test_without_a_place_for_constants_the_products_are_reconstructed_as_they_are():
  model = hidden(keras.layers.Conv2D(4, 1, name='project', use_bias=False))
  graph = graph_of(model)
  channels, weights, found = analyse(graph), values(model), moments(model, graph, [images()])
  changed = compensated(channels, weights, found, without((0, 5)))
  assert set(changed) == {'project/kernel'}
  said = keras.Model(model.input, model.get_layer('act').output)(images()).numpy().reshape(-1, 8).astype(np.float64)
  kept = np.delete(np.arange(8), (0, 5))
  ridge = (reconstruction.RIDGE + reconstruction._NOISE) * np.trace(said.T @ said / len(said)) / 8
  wanted = said @ weights['project/kernel'][0, 0]
  squares = said[:, kept].T @ said[:, kept] / len(said) + ridge * np.eye(6)
  # The least squares solution, held by the ridge to what it was.
  moved = np.linalg.solve(squares, said[:, kept].T @ said[:, [0, 5]] / len(said)) @ weights['project/kernel'][0, 0][[0, 5]]
  np.testing.assert_allclose(changed['project/kernel'][0, 0][kept], weights['project/kernel'][0, 0][kept] + moved, rtol=2e-3, atol=1e-4)
  missed = np.square(wanted - said[:, kept] @ changed['project/kernel'][0, 0][kept]).mean()
  assert missed < 0.5 * np.square(wanted - said[:, kept] @ weights['project/kernel'][0, 0][kept]).mean()


def test_a_unit_is_worth_its_column_times_what_the_others_leave_unexplained():
  model = hidden(keras.layers.Conv2D(4, 1, name='project', use_bias=False), [keras.layers.BatchNormalization(name='norm')])
  graph = graph_of(model)
  channels, weights, found = analyse(graph), values(model), moments(model, graph, [images()])
  group = group_of(channels)
  worth = Reconstruction(channels, [group], weights, found)
  squares = np.mean(found['act'].variance + found['act'].mean ** 2)
  covariance = found['act'].covariance
  covariance = covariance + (reconstruction.RIDGE * np.trace(covariance) / 8 + reconstruction._NOISE * squares) * np.eye(8)
  scale = weights['norm/gamma'] / np.sqrt(weights['norm/moving_variance'] + 1e-3)
  columns = (weights['project/kernel'][0, 0] * scale).astype(np.float64)

  def expected(kept, columns):
    squares, inverse = np.square(columns).sum(1), np.linalg.inv(covariance[np.ix_(kept, kept)])
    return squares[kept] / np.diag(inverse)

  np.testing.assert_allclose(worth.score[group.ids], expected(np.arange(8), columns), rtol=1e-6)
  gone = [3, 0]
  for unit in gone:
    worth.remove(int(group.ids[unit]))
  kept = np.delete(np.arange(8), gone)
  share = np.linalg.solve(covariance[np.ix_(kept, kept)], covariance[np.ix_(kept, gone)])
  columns[kept] += share @ columns[gone]
  np.testing.assert_allclose(worth.score[group.ids][kept], expected(kept, columns), rtol=1e-6)
  np.testing.assert_allclose(worth.score[group.ids][gone], 0, atol=1e-9)


@pytest.mark.parametrize('behind', [(), (keras.layers.BatchNormalization(name='norm'),)])
def test_channels_that_say_next_to_nothing_make_no_kernel_large(behind):
  model = hidden(keras.layers.Conv2D(4, 1, name='project', use_bias=not behind), behind)
  graph = graph_of(model)
  channels, weights = analyse(graph), values(model)
  found = moments(model, graph, [images() * 1e-4])  # What varies is below what sums of squares in float32 know.
  rounding = np.random.default_rng(0).normal(size=(8, 8)) * 1e-7 * np.square(found['act'].mean).max()
  found['act'] = dataclasses.replace(found['act'], covariance=found['act'].covariance + rounding + rounding.T)
  changed = compensated(channels, weights, found, without((0, 5)))
  assert np.abs(changed['project/kernel']).max() < 3 * np.abs(weights['project/kernel']).max()
  group = group_of(channels)
  assert np.isfinite(Reconstruction(channels, [group], weights, found).score[group.ids]).all()


def test_of_two_units_that_say_the_same_one_goes_first_and_the_other_stays():
  model = hidden(keras.layers.Conv2D(4, 1, name='project'))
  tied(model)
  graph = graph_of(model)
  channels, weights, found = analyse(graph), values(model), moments(model, graph, [images()])
  group = group_of(channels)

  def kept(units):
    target = channels.macs() - units * channels.unit_macs(group)[0]
    left = scores.least_valuable(channels, [group], lambda: Reconstruction(channels, [group], weights, found), target)
    return np.flatnonzero(~left['expand']).tolist()

  assert set(kept(2)) in ({6, 7}, {6, 2})
  assert not {2, 7} <= set(kept(3))


def test_kernels_that_are_no_plain_sums_of_channels_take_nothing_over():
  for reader in (
    keras.layers.SeparableConv2D(4, 3, name='project'),
    keras.layers.Conv2D(4, 1, groups=2, name='project'),
    keras.layers.Conv2D(8, 1, name='project'),
  ):
    is_twice = isinstance(reader, keras.layers.Conv2D) and reader.filters == 8
    model = hidden(reader, [reader] if is_twice else ())
    graph = graph_of(model)
    channels, weights, found = analyse(graph), values(model), moments(model, graph, [images()])
    group = next((group for group in channels.groups if group.name == 'expand'), None)
    alive = {} if group is None else {group.name: np.arange(group.units) > 0}
    assert not {name for name in compensated(channels, weights, found, alive) if name.startswith('project')}
    assert Reconstruction(channels, channels.groups, weights, found).score[channels.outputs['act']].min() > 0


def test_of_more_channels_than_a_covariance_is_taken_of_each_is_worth_its_own_variance():
  model = hidden(keras.layers.Conv2D(4, 1, name='project'))
  graph = graph_of(model)
  channels, weights, found = analyse(graph), values(model), moments(model, graph, [images()])
  alone = {name: Moments(one.mean, one.variance, None) for name, one in found.items()}
  group = group_of(channels)
  worth = Reconstruction(channels, [group], weights, alone)
  np.testing.assert_allclose(
    worth.score[group.ids], np.square(scores.scores(channels, weights, {'act': np.sqrt(found['act'].variance)}))[group.ids], rtol=1e-6
  )
  assert compensated(channels, weights, alone, without((0,))) == {}

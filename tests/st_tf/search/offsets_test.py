import numpy as np
import pytest
import tf_keras as keras

from st_tf.models.graph import build_graph, read
from st_tf.search import shrink
from st_tf.search.analysis import analyse
from st_tf.search.factors import Factors
from st_tf.search.offsets import norm_of
from tests.networks import residual, stirred

SIDE = 6


def norms(model):
  channels = analyse(read(model)[0])
  return {group.name: norm_of(channels, group) for group in channels.searchable()}


def chain(kernel=1, activation='swish', norm_behind=True, scale=True, pad=False):
  """Two layers with a norm and an activation between them."""
  x = image = keras.Input((SIDE, SIDE, 3))
  x = keras.layers.BatchNormalization(scale=scale, name='norm')(keras.layers.Conv2D(8, 3, name='first')(x))
  x = keras.layers.Activation(activation)(x)
  x = keras.layers.ZeroPadding2D(1)(x) if pad else x
  x = keras.layers.Conv2D(4, kernel, padding='same', use_bias=not norm_behind, name='second')(x)
  x = keras.layers.BatchNormalization(name='behind')(x) if norm_behind else x
  return stirred(keras.Model(image, keras.layers.GlobalAveragePooling2D()(x)), np.random.default_rng(0))


@pytest.mark.parametrize(
  ('model', 'found'),
  [
    (chain(), {'first': 'norm'}),
    (chain(norm_behind=False), {'first': 'norm'}),
    (chain(kernel=3), {'first': ''}),  # Sees padding.
    (chain(pad=True), {'first': ''}),
    (chain(scale=False), {'first': ''}),  # Has no factors.
    (residual(SIDE, 1), {'expand0': 'batch_normalization_2', 'maps': ''}),  # Of the norms a unit passes, the last.
  ],
)
def test_factors_are_scales_of_norms_whose_constants_can_be_carried_on(model, found):
  own = norms(model)
  keras.backend.clear_session()
  assert {name: bool(norm) for name, norm in own.items()} == {name: bool(norm) for name, norm in found.items()}


@pytest.mark.parametrize('model', [chain(), chain(norm_behind=False), chain(activation='sigmoid'), residual(SIDE, 1)])
def test_dead_units_go_and_what_they_said_stays(model):
  graph, variables = read(model)
  channels = analyse(graph)
  at = {name: norm for name, norm in norms(model).items() if norm}
  alive = {name: np.arange(next(group.units for group in channels.groups if group.name == name)) % 3 > 0 for name in at}
  for name, norm in at.items():
    gamma = variables[f'{norm}/gamma']
    gamma.assign(np.where(alive[name], gamma.numpy(), 0))
  pictures = np.random.default_rng(1).normal(size=(3, SIDE, SIDE, 3)).astype(np.float32)
  expected = model(pictures, training=False).numpy()
  values = {name: variable.numpy() for name, variable in variables.items()}
  factors = Factors({name: f'{norm}/gamma' for name, norm in at.items()}, {})
  left, kept, carrier = shrink.without(model, graph, None, alive, factors)
  smaller = build_graph(left)
  shapes = {name: tuple(variable.shape) for name, variable in read(smaller)[1].items()}
  for name, value in shrink.take(carrier.carry(values, {}), kept, shapes).items():
    read(smaller)[1][name].assign(value)
  np.testing.assert_allclose(smaller(pictures, training=False), expected, atol=1e-5)
  for name, value in shrink.take(values, kept, shapes).items():
    read(smaller)[1][name].assign(value)
  assert np.abs(smaller(pictures, training=False) - expected).max() > 1e-3, 'the constants matter'

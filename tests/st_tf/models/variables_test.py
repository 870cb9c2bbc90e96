"""Variables by name."""

import numpy as np
import tf_keras as keras

from st_tf.models.variables import layers, named_variables, short_name
from st_tf.pruning import Cubic, RegrowthPruning


def network(wrapped):
  layer = keras.layers.Dense(2, name='scope/dense')
  inputs = keras.Input([3])
  outputs = RegrowthPruning(layer, Cubic(0.5, 0, 4, 1))(inputs) if wrapped else layer(inputs)
  return keras.Model(inputs, keras.layers.BatchNormalization(name='norm')(outputs))


def test_a_variable_s_short_name_is_the_end_of_its_scope():
  named = named_variables(network(False))
  assert short_name(named['scope/dense/kernel']) == 'kernel'


def test_variables_come_in_network_order_under_their_layer_s_name():
  norm = [f'norm/{part}' for part in ('gamma', 'beta', 'moving_mean', 'moving_variance')]
  assert list(named_variables(network(False))) == ['scope/dense/kernel', 'scope/dense/bias', *norm]


def test_a_wrapper_s_own_variables_are_left_out():
  named = named_variables(network(True))
  assert list(named) == list(named_variables(network(False)))
  assert np.shape(named['scope/dense/kernel']) == (3, 2)


def test_layers_come_with_what_their_wrapper_holds():
  pairs = [(outer, inner) for outer, inner in layers(network(True)) if outer is not inner]
  assert [(type(outer), inner.name) for outer, inner in pairs] == [(RegrowthPruning, 'scope/dense')]

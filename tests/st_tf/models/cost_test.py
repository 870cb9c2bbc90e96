"""Parameters and MACs by hand."""

import numpy as np
import pytest
import tf_keras as keras

from st_tf.arch.specs import HeadSpec
from st_tf.models import build, cost
from st_tf.models.layers import ChannelScale, GroupedConv2D
from st_tf.pruning import Constant, wrap
from tests import tiny


@pytest.fixture(scope='module')
def network():
  """3x3 convolution of stride 2, depthwise 3x3, grouped 1x1, batch norm, dense, on 8x6 images."""
  inputs = keras.Input([8, 6, 3])
  x = keras.layers.Conv2D(4, 3, 2, padding='same', name='first')(inputs)
  x = keras.layers.DepthwiseConv2D(3, padding='same', use_bias=False, name='depthwise')(x)
  x = GroupedConv2D(6, 1, groups=2, use_bias=False, name='grouped')(x)
  x = keras.layers.BatchNormalization(name='norm')(x)
  x = keras.layers.Activation('relu')(x)
  x = keras.layers.GlobalAveragePooling2D()(x)
  return keras.Model(inputs, keras.layers.Dense(5, name='dense')(x))


EXPECTED = {
  'first': (3 * 3 * 3 * 4 + 4, 12 * 3 * 3 * 3 * 4),
  'depthwise': (9 * 4, 12 * 9 * 4),
  'grouped': (2 * 6, 12 * 2 * 6),
  'norm': (12, 0),
  'dense': (6 * 5 + 5, 6 * 5),
}


def test_each_layer_costs_its_kernel_at_each_output_position(network):
  found = cost.of(network)
  assert {layer.name: (layer.params, layer.macs) for layer in found.layers} == EXPECTED
  assert found.params == sum(params for params, _ in EXPECTED.values())
  assert found.macs == sum(macs for _, macs in EXPECTED.values())


def test_without_masks_everything_is_dense(network):
  found = cost.of(network)
  assert (found.nonzero_params, found.nonzero_macs) == (found.params, found.macs)
  assert all(layer.density == 1 for layer in found.layers)


def test_a_layer_s_own_mask_decides_its_non_zero_macs(network):
  masks = {'first/kernel': np.zeros([3, 3, 3, 4], bool), 'depthwise/depthwise_kernel': np.zeros([3, 3, 4, 1], bool)}
  masks['first/kernel'][0, 0, 0, :2] = True
  masks['depthwise/depthwise_kernel'].flat[:9] = True
  found = {layer.name: layer for layer in cost.of(network, masks).layers}
  # Biases are never pruned.
  assert (found['first'].nonzero_params, found['first'].nonzero_macs) == (2 + 4, 12 * 2)
  assert (found['depthwise'].nonzero_params, found['depthwise'].nonzero_macs, found['depthwise'].density) == (9, 12 * 9, 0.25)
  assert (found['dense'].nonzero_params, found['dense'].nonzero_macs) == (35, 30)
  whole = cost.of(network, masks)
  assert whole.nonzero_macs == 12 * (2 + 9 + 12) + 30 and whole.macs == cost.of(network).macs


def test_a_wrapped_model_costs_the_same(network):
  assert cost.of(wrap(network, Constant(0.5, 0, 4, 1))) == cost.of(network)


def test_a_frozen_layer_costs_what_it_cost():
  model = build(tiny.SPECK, HeadSpec('classification', 3), (8, 8, 3))
  before = cost.of(model)
  for layer in model.layers:
    layer.trainable = False
  assert cost.of(model) == before


def test_the_factors_of_a_search_are_no_parameters():
  inputs = keras.Input([4, 4, 3])
  with_factors, without = (keras.Model(inputs, keras.layers.Conv2D(2, 1)(x)) for x in (ChannelScale()(inputs), inputs))
  assert (cost.of(with_factors).params, cost.of(with_factors).macs) == (cost.of(without).params, cost.of(without).macs) == (8, 96)

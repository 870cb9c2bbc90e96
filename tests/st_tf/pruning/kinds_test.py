"""Which weights of which layers are pruned."""

import pytest
import tf_keras as keras

from st_tf.models.layers import GroupedConv2D
from st_tf.models.variables import short_name
from st_tf.pruning.kinds import dense_weights, make_prunable, why_dense

LAYERS = keras.layers


class Derived(LAYERS.Conv2D):
  """A convolution by another name."""


class Knowing(LAYERS.Layer):
  """One that tells its weights."""

  def build(self, shape):
    self.matrix = self.add_weight('matrix', [shape[-1], 2])

  def call(self, inputs):
    return inputs @ self.matrix

  def get_prunable_weights(self):
    return [self.matrix]


class Inside(LAYERS.Layer):
  """One that tells the weights of a layer inside it."""

  def build(self, shape):
    self.inner = LAYERS.Dense(2)
    self.inner.build(shape)

  def get_prunable_weights(self):
    return [self.inner.kernel]


class Silent(LAYERS.Layer):
  """One that tells nothing."""

  def build(self, shape):
    self.matrix = self.add_weight('matrix', [shape[-1], 2])


def built(layer, shape):
  layer.build(tuple(shape))
  return layer


@pytest.mark.parametrize(
  ('layer', 'shape', 'name'),
  [
    (LAYERS.Dense(2), [None, 4], 'kernel'),
    (LAYERS.Conv1D(2, 3), [None, 5, 4], 'kernel'),
    (LAYERS.Conv2D(2, 3), [None, 5, 5, 4], 'kernel'),
    (LAYERS.Conv3D(2, 3), [None, 5, 5, 5, 4], 'kernel'),
    (LAYERS.Conv1DTranspose(2, 3), [None, 5, 4], 'kernel'),
    (LAYERS.Conv2DTranspose(2, 3), [None, 5, 5, 4], 'kernel'),
    (LAYERS.Conv3DTranspose(2, 3), [None, 5, 5, 5, 4], 'kernel'),
    (LAYERS.SeparableConv1D(2, 3), [None, 5, 4], 'pointwise_kernel'),
    (LAYERS.SeparableConv2D(2, 3), [None, 5, 5, 4], 'pointwise_kernel'),
    (LAYERS.DepthwiseConv1D(3), [None, 5, 4], 'depthwise_kernel'),
    (LAYERS.DepthwiseConv2D(3), [None, 5, 5, 4], 'depthwise_kernel'),
    (Derived(2, 3), [None, 5, 5, 4], 'kernel'),
    (GroupedConv2D(2, 3, groups=2), [None, 5, 5, 4], 'kernel'),
    (Knowing(), [None, 4], 'matrix'),
  ],
)
def test_a_layer_is_pruned_by_its_kernel(layer, shape, name):
  layer = built(layer, shape)
  assert why_dense(layer) == ''
  make_prunable(layer)
  assert [short_name(weight) for weight in layer.get_prunable_weights()] == [name]
  assert dense_weights(layer) == (['depthwise_kernel'] if name == 'pointwise_kernel' else [])


@pytest.mark.parametrize(
  ('layer', 'shape', 'reason'),
  [
    (LAYERS.TimeDistributed(LAYERS.Dense(2)), [None, 3, 4], 'what TimeDistributed applies'),
    (LAYERS.Bidirectional(LAYERS.LSTM(2)), [None, 3, 4], 'recurrent'),
    (LAYERS.GRU(2), [None, 3, 4], 'recurrent'),
    (LAYERS.Embedding(5, 2), [None, 3], 'rows of an embedding'),
    (LAYERS.LocallyConnected1D(2, 2), [None, 3, 4], 'get_prunable_weights return a list'),
    (LAYERS.EinsumDense('ab,bc->ac', 2), [None, 4], 'get_prunable_weights return a list'),
    (Inside(), [None, 4], 'not attributes of its own'),
    (Silent(), [None, 4], 'get_prunable_weights return a list'),
  ],
)
def test_a_layer_with_weights_that_stay_dense_has_a_reason(layer, shape, reason):
  assert reason in why_dense(built(layer, shape))


def test_frozen_layers_are_judged_as_others_and_those_without_kernels_not_at_all():
  layer = built(LAYERS.Dense(2), [None, 4])
  layer.trainable = False
  assert why_dense(layer) == ''
  assert why_dense(LAYERS.ReLU()) is None and why_dense(built(LAYERS.BatchNormalization(), [None, 4])) is None

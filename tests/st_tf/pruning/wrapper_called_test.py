"""How Keras calls a wrapper: as the layer inside, and for a shape without its weights."""

import pytest
import tensorflow as tf
import tf_keras as keras

from st_tf.pruning import RegrowthPruning
from tests.st_tf.pruning.wrapper_test import SCHEDULE, WEIGHTS, dense


class Signed(keras.layers.Dense):
  """Somebody's layer, with a branch that Keras has to rewrite."""

  def call(self, inputs):
    if tf.reduce_sum(inputs) > 0:
      return super().call(inputs)
    return -super().call(inputs)


def test_somebody_elses_layer_is_rewritten_by_keras_as_without_a_wrapper():
  layer, inputs = Signed(1, use_bias=False, name='dense'), keras.Input([4])
  layer.get_prunable_weights = lambda: [layer.kernel]
  model = keras.Model(inputs, RegrowthPruning(layer, SCHEDULE)(inputs))
  layer.kernel.assign(WEIGHTS[:, None])
  ask = tf.function(lambda images: model(images))
  assert [float(ask(tf.constant([row]))[0, 0]) for row in ([1.0, 0, 0, 0], [-1.0, 0, 0, 0])] == [3.0, 3.0]


def test_effective_weights_are_not_computed_to_learn_a_shape(monkeypatch):
  asked, real = [], RegrowthPruning.effective
  monkeypatch.setattr(RegrowthPruning, 'effective', lambda self, *given, **named: asked.append(1) or real(self, *given, **named))
  model = dense('soft_threshold')
  assert not asked
  model(WEIGHTS[None])
  tf.function(model).get_concrete_function(tf.TensorSpec([None, 4]))
  assert len(asked) == 2


def test_a_weight_that_its_layer_has_in_a_list_is_refused_when_the_network_is_built():
  layer = Signed(1)
  layer.build([None, 4])
  layer.several = [layer.kernel]
  del layer.kernel
  layer.get_prunable_weights = lambda: layer.several
  with pytest.raises(ValueError, match=r'^A prunable weight is an attribute of its layer\. Received: .*\. Leave this layer unwrapped\.$'):
    RegrowthPruning(layer, SCHEDULE)(keras.Input([4]))

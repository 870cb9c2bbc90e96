"""What schedules say of their events, and rankings of anybody's model."""

import pytest
from tensorflow_model_optimization.python.core.sparsity.keras.pruning_schedule import ConstantSparsity, PolynomialDecay
import tf_keras as keras

from st_tf.arch.specs import SpecError
from st_tf.models import cost
from st_tf.pruning import Cubic, wrap
from st_tf.pruning.fit import is_closed, is_last, macs_per_weight, may_return
from st_tf.pruning.ranking import RankingError
from st_tf.pruning.wrapper import current_mask
from tests.fits import functional


def test_a_closed_window_opens_again():
  schedule = Cubic(0.9, 0, 40, 10, ((0, 10), (30, 40)))
  assert [is_closed(schedule, step) for step in (0, 10, 20, 30, 40)] == [False, True, False, False, False]
  assert not is_closed(PolynomialDecay(0.0, 0.5, 0, 10), 5) and may_return(PolynomialDecay(0.0, 0.5, 0, 10), 5)
  assert [is_last(schedule, step) for step in (39, 40, 41)] == [False, True, True]
  assert not is_last(ConstantSparsity(0.5, 0, -1), 1000)


@pytest.mark.filterwarnings('ignore:.*stay dense')
def test_a_weight_costs_as_many_macs_as_places_it_is_used_at():
  model = wrap(functional(), Cubic(0.5, 0, 10, 1))
  found = macs_per_weight(model)
  layers = {layer.name: layer for layer in cost.of(model).layers}
  assert found and max(found.values()) > min(found.values())
  for name, price in found.items():
    layer = layers[name.rsplit('/', 1)[0]]
    assert price * current_mask(model)[name].size == layer.macs


def test_what_weights_cost_on_images_of_any_size_is_not_known():
  inputs = keras.Input([None, None, 3])
  x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3, name='first')(inputs))
  model = wrap(keras.Model(inputs, keras.layers.Dense(3)(x)), Cubic(0.5, 0, 10, 1))
  with pytest.raises(SpecError, match=r'MACs are counted at one image size. Received: first with outputs \(None, None, None, 8\)'):
    macs_per_weight(model)


class Matrix(keras.layers.Layer):
  """A layer of somebody's own."""

  def build(self, shape):
    self.matrix = self.add_weight('matrix', [shape[-1], 3])

  def call(self, inputs):
    return inputs @ self.matrix

  def get_prunable_weights(self):
    return [self.matrix]


def test_a_separable_convolution_s_weights_cost_what_its_positions_are_and_those_of_unknown_layers_nobody_knows():
  model = keras.Sequential(
    [keras.Input([6, 6, 3]), keras.layers.SeparableConv2D(4, 3, name='separable'), keras.layers.Dense(2, name='dense')]
  )
  with pytest.warns(UserWarning, match='separable: its depthwise_kernel only'):
    assert macs_per_weight(wrap(model, Cubic(0.5, 0, 10, 1))) == {'separable/pointwise_kernel': 16, 'dense/kernel': 16}
  with pytest.raises(RankingError, match='Received: odd/matrix of Matrix, whose MACs are not counted. Use the ranking erk'):
    macs_per_weight(wrap(keras.Sequential([keras.Input([4]), Matrix(name='odd')]), Cubic(0.5, 0, 10, 1)))

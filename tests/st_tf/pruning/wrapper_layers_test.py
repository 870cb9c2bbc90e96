"""Wrappers of other layers than our own."""

import numpy as np
import pytest
import tf_keras as keras

from st_tf.pruning import Cubic, RegrowthPruning

SCHEDULE = Cubic(0.5, 0, 10, 1)


@pytest.mark.parametrize(
  ('layer', 'shape', 'axes'),
  [
    (keras.layers.Conv2D(4, 3), [8, 8, 3], [(0, 1, 2)]),
    (keras.layers.Conv2DTranspose(4, 3), [8, 8, 3], [(0, 1, 3)]),
    (keras.layers.DepthwiseConv2D(3), [8, 8, 3], [(0, 1)]),
    (keras.layers.SeparableConv2D(4, 3), [8, 8, 3], [(0, 1, 2)]),
    (keras.layers.Dense(4), [3], [(0,)]),
  ],
)
def test_units_are_what_a_layer_gives(layer, shape, axes):
  wrapper = RegrowthPruning(layer, SCHEDULE, unit_slope=True)
  keras.Model(inputs := keras.Input(shape), wrapper(inputs))
  assert [wrapper._rule(index).unit_axes for index in range(len(wrapper.pruning_vars))] == axes


@pytest.mark.parametrize('dtype', ['float16', 'float64'])
def test_layers_of_other_precision_compute_in_it(dtype):
  layer = keras.layers.Dense(2, dtype=dtype)
  model = keras.Model(inputs := keras.Input([4], dtype=dtype), RegrowthPruning(layer, SCHEDULE)(inputs))
  assert model(np.ones([1, 4], dtype)).dtype == dtype


@pytest.mark.parametrize('damping', [-0.1, 1.5])
def test_damping_is_a_share(damping):
  with pytest.raises(ValueError, match=f'share, from 0 to 1. Received: {damping}'):
    RegrowthPruning(keras.layers.Dense(1), SCHEDULE, 'dense_gradient', damping)


def test_two_wrappers_in_a_layer_are_saved_with_names_of_their_own(tmp_path):
  inner = keras.Sequential([RegrowthPruning(keras.layers.Dense(3, name=name), SCHEDULE) for name in 'ab'])
  model = keras.Model(inputs := keras.Input([4]), inner(inputs))
  model.save_weights(tmp_path / 'weights.h5')
  before = model.get_weights()
  model.set_weights([np.zeros_like(value) for value in before])
  model.load_weights(tmp_path / 'weights.h5')
  assert all(np.array_equal(value, old) for value, old in zip(model.get_weights(), before))

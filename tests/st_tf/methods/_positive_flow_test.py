import numpy as np
import pytest

from st_tf.api import drawing
from st_tf.methods import _first_mask as first_mask
from st_tf.methods._positive_flow import positive_flow
from st_tf.runs.start import fresh, load_weights
from st_tf.training.plan import training_alone
from tests import tiny


def test_the_positive_flow_is_linear_in_every_layer():
  trainer = tiny.trainer(tiny.SPECK, searching=False)
  weights, output = positive_flow(trainer)
  assert set(weights) == set(first_mask.weights(trainer)) and all(weight.dtype == 'float64' for weight in weights.values())
  first = float(output())
  assert first > 0 and all((weight.numpy() >= 0).all() for weight in weights.values())
  weight = weights['head/last/kernel']
  weight.assign(3 * weight)
  # Everything goes through this layer, and its batch norm adds nothing; the classifier's bias is zero.
  assert float(output()) == pytest.approx(3 * first, rel=1e-12)


def test_it_is_linear_in_a_trained_network_whose_norms_subtract_and_whose_activations_saturate(trained_file):
  task, config = drawing.prepared(tiny.of_file(trained_file), tiny.task())
  trainer = fresh(task, config, training_alone(config, tiny.STEPS_PER_EPOCH).holding(0.5))
  load_weights(trainer)
  assert any(value.any() for name, value in trainer.values().items() if name.endswith('moving_mean'))
  weights, output = positive_flow(trainer)
  assert set(weights) == set(first_mask.weights(trainer))
  first = float(output())
  kernel = weights['maps/kernel']
  np.testing.assert_array_equal(kernel, np.abs(trainer.values()['maps/kernel']).astype(np.float64))
  kernel.assign(100 * kernel)
  assert float(output()) == pytest.approx(100 * first, rel=1e-12) and first > 0

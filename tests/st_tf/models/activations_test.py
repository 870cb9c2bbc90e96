"""Each activation is what its name says, and each name has one."""

import math

import numpy as np
import pytest
import tensorflow as tf

from st_tf.arch import specs
from st_tf.models.activations import ACTIVATIONS


def test_every_name_of_a_spec_has_a_function():
  assert tuple(ACTIVATIONS) == specs.ACTIVATIONS


@pytest.mark.parametrize(
  'name, expected',
  [
    ('relu', [0, 0, 1, 4, 8]),
    ('relu6', [0, 0, 1, 4, 6]),
    ('hard_swish', [0, -1 / 3, 4 / 6, 4, 8]),
    ('swish', [-4 / (1 + math.exp(4)), -1 / (1 + math.e), 1 / (1 + math.exp(-1)), 4 / (1 + math.exp(-4)), 8 / (1 + math.exp(-8))]),
  ],
)
def test_an_activation_is_what_its_name_says(name, expected):
  np.testing.assert_allclose(ACTIVATIONS[name](tf.constant([-4.0, -1.0, 1.0, 4.0, 8.0])), expected, rtol=1e-5, atol=1e-6)

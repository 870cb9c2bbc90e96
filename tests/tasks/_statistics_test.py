"""What pictures are normalised with, and that tensors are normalised as arrays are."""

import numpy as np
import tensorflow as tf

from st_tf.task import Normalisation
from tasks import _statistics

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 4, 3, 3)).astype(np.uint8)


def test_measured_statistics_have_four_digits_and_are_those_of_the_whole(monkeypatch):
  monkeypatch.setattr(_statistics, '_AT_ONCE', 2)
  found, units = _statistics.measured(PIXELS), PIXELS / 255
  assert found == Normalisation(tuple(units.mean((0, 1, 2)).round(4).tolist()), tuple(units.std((0, 1, 2)).round(4).tolist()))


def test_a_single_colour_has_a_deviation_to_divide_by():
  assert _statistics.measured(np.full((2, 2, 2, 3), 51, np.uint8)) == Normalisation((0.2, 0.2, 0.2), (0.01, 0.01, 0.01))


def test_tensors_are_normalised_as_arrays_are():
  normalise = _statistics.normaliser(_statistics.PHOTOGRAPHS)
  expected = _statistics.PHOTOGRAPHS.from_bytes(np.float32(PIXELS))
  np.testing.assert_array_equal(tf.function(normalise)(tf.constant(PIXELS)), expected)
  np.testing.assert_array_equal(normalise(tf.constant(PIXELS, tf.float32)), expected)

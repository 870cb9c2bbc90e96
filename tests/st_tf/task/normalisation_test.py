"""Every way between bytes, units and normalised pixels, and that the way back undoes it."""

import numpy as np
import pytest

from st_tf.task import Normalisation

SOME = Normalisation((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
BYTES = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)


def test_normalisation_is_per_channel():
  found = Normalisation((0.0, 0.5, 0.2), (1.0, 0.5, 0.1)).normalised(np.uint8([[[0, 255, 51]]]))
  np.testing.assert_allclose(found, [[[0, 1, 0]]], atol=1e-6)
  assert found.dtype == np.float32


def test_normalisation_is_undone_and_clipped():
  image = np.float32([[[0.0, 2.0, -1.0]]])
  assert Normalisation((0.5, 0.2, 0.25), (0.5, 0.4, 0.25)).denormalised(image).tolist() == [[[128, 255, 0]]]
  np.testing.assert_array_equal(SOME.denormalised(SOME.normalised(BYTES)), BYTES)


@pytest.mark.parametrize('there, back, largest', [('from_bytes', 'to_bytes', 255), ('from_units', 'to_units', 1)])
def test_a_change_of_scale_is_what_the_picture_says_and_has_a_way_back(there, back, largest):
  pixels = np.float32(BYTES) * np.float32(largest / 255)
  found = getattr(SOME, there)(pixels)
  assert found.dtype == np.float32
  np.testing.assert_allclose(found, SOME.normalised(BYTES), atol=1e-6)
  np.testing.assert_allclose(getattr(SOME, back)(found), pixels, rtol=1e-6, atol=1e-6 * largest)


def test_training_reads_bytes_as_a_product_and_a_difference_to_the_bit():
  factor, shift = np.float32(1 / (255 * np.asarray(SOME.deviation))), np.float32(np.asarray(SOME.mean) / np.asarray(SOME.deviation))
  np.testing.assert_array_equal(SOME.from_bytes(np.float32(BYTES)), np.float32(BYTES) * factor - shift)


def test_one_normalisation_becomes_another():
  other = Normalisation((0.1, 0.2, 0.3), (0.5, 0.25, 0.125))
  np.testing.assert_allclose(SOME.onto(other)(SOME.normalised(BYTES)), other.normalised(BYTES), atol=1e-6)
  factor, summand = SOME.onto(SOME)
  assert factor.tolist() == [1, 1, 1] and summand.tolist() == [0, 0, 0]


def test_units_are_the_mean_where_normalised_pixels_are_zero():
  assert SOME.to_units(np.zeros((1, 1, 3), np.float32)).tolist() == [[[np.float32(0.5), np.float32(0.4), np.float32(0.3)]]]

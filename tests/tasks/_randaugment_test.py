import numpy as np
import pytest
import tensorflow as tf

from tasks import _randaugment

CHANGES = _randaugment._CHANGES
PICTURE = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3)).astype(np.float32)


def changed(change, strength=1.0, sign=1.0, picture=PICTURE):
  """The picture after one change; the second round leaves it as it is."""
  which = [(CHANGES.index(name) + 0.5) / len(CHANGES) for name in (change, 'identity')]
  draws = np.asarray([[[which[0], strength, sign], [which[1], 0, 0]]], np.float32)
  return _randaugment.apply(tf.constant(picture), tf.constant(draws)).numpy()


def test_identity_changes_nothing():
  np.testing.assert_allclose(changed('identity'), PICTURE, atol=1e-3)


@pytest.mark.parametrize('change', CHANGES[1:])
def test_every_change_changes_and_stays_within_the_grey_levels(change):
  for sign in (0.0, 1.0):
    result = changed(change, sign=sign)
    assert result.shape == PICTURE.shape
    assert result.min() >= 0 and result.max() <= 255
    if change != 'autocontrast':
      assert np.abs(result - PICTURE).mean() > 1


def test_changes_by_hand():
  grey = np.full((1, 8, 8, 3), 100, np.float32)
  np.testing.assert_allclose(changed('brightness', picture=grey), 170, rtol=1e-5)  # 100 + 0.5 x 1.4 x 100
  np.testing.assert_allclose(changed('contrast', picture=grey), 100, rtol=1e-5)  # All of it is the mean.
  np.testing.assert_allclose(changed('posterize', picture=grey), 96, rtol=1e-5)  # Down to a multiple of 2 ** 3.
  np.testing.assert_allclose(changed('solarize', picture=grey + 50), 105, rtol=1e-5)  # At least 128: 255 - 150.
  grey[0, 0], grey[0, 1] = 50, 101
  assert sorted(set(changed('autocontrast', picture=grey).ravel().round())) == [0, 250, 255]


def test_a_shift_moves_by_its_share_of_the_side():
  picture = np.zeros((1, 10, 10, 3), np.float32)
  picture[0, :, 6] = 255
  moved = changed('shift_x', picture=picture)  # 0.5 x 0.6 x 10 pixels.
  assert moved[0, 5, 3, 0] == pytest.approx(255, abs=1)


def test_a_pictures_changes_do_not_hang_on_its_neighbours():
  rng = np.random.default_rng(1)
  pictures = rng.integers(0, 256, (6, 16, 16, 3)).astype(np.float32)
  draws = rng.random((6, *_randaugment.DRAWS)).astype(np.float32)
  together = _randaugment.apply(tf.constant(pictures), tf.constant(draws)).numpy()
  alone = [_randaugment.apply(tf.constant(pictures[i : i + 1]), tf.constant(draws[i : i + 1])).numpy()[0] for i in range(6)]
  np.testing.assert_allclose(together, alone, atol=1e-3)

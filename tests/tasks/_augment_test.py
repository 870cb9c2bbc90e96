import numpy as np
import pytest
import tensorflow as tf

from tasks import _augment

MIDDLE = 0.5  # The draw that shifts by nothing.


def test_draws_follow_seed_epoch_and_stream():
  draws = {key: _augment.draw(*key, (4, 2)).tobytes() for key in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]}
  assert len(set(draws.values())) == 4
  assert _augment.draw(0, 0, 0, (4, 2)).tobytes() == draws[0, 0, 0]


def test_a_shift_reads_reflected_pixels_and_a_flip_reads_backwards():
  # An eighth of 8 pixels is 1: shifts are -1, 0, 1 for draws in the three thirds.
  draws = tf.constant([[0.0, 0.99, 0.9, 0, 0], [MIDDLE, MIDDLE, 0.1, 0, 0]])
  rows, columns = _augment.crop_and_flip(draws, 8)
  assert rows.numpy().tolist() == [[1, 0, 1, 2, 3, 4, 5, 6], [0, 1, 2, 3, 4, 5, 6, 7]]
  assert columns.numpy().tolist() == [[1, 2, 3, 4, 5, 6, 7, 6], [7, 6, 5, 4, 3, 2, 1, 0]]


def test_shifts_are_the_usual_four_pixels_at_32():
  draws = tf.constant([[0.0, 0.9999, 0.9, 0, 0]])
  rows, columns = _augment.crop_and_flip(draws, 32)
  assert rows.numpy()[0, :5].tolist() == [4, 3, 2, 1, 0]
  assert columns.numpy()[0, 0] == 4


@pytest.mark.parametrize(('width', 'height'), [(100, 100), (300, 40), (40, 300)])
def test_a_random_box_lies_in_the_picture_and_is_not_tiny(width, height):
  rng = np.random.default_rng(0)
  for draw in rng.random((200, _augment.GEOMETRY_DRAWS)):
    (left, top, right, bottom), _ = _augment.random_box(draw, width, height)
    assert 0 <= left < right <= width + 1e-6 and 0 <= top < bottom <= height + 1e-6
    assert (right - left) * (bottom - top) >= 0.1 * width * height


def test_the_largest_draws_take_the_whole_of_a_square_picture():
  (left, top, right, bottom), flip = _augment.random_box(np.asarray([0, 0, 0.9, 1, 0.5]), 50, 50)
  assert (left, top, right, bottom) == pytest.approx((0, 0, 50, 50))
  assert not flip


def test_mixup_blends_with_the_mirrored_place_in_the_batch():
  images = tf.reshape(tf.constant([0.0, 10.0, 20.0]), [3, 1, 1, 1])
  mixed, targets = _augment.mix(images, tf.eye(3), tf.constant([0.75, 0.5, 1.0]))
  assert mixed.numpy().ravel().tolist() == [5.0, 10.0, 20.0]
  assert targets.numpy().tolist() == [[0.75, 0, 0.25], [0, 1, 0], [0, 0, 1]]

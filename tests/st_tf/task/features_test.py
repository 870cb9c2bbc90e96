import numpy as np
import pytest

from st_tf.task import features


def test_pooling_is_the_mean_of_what_falls_into_each_cell():
  pixels = np.arange(24, dtype=np.float32).reshape(1, 4, 6, 1)
  found = features.pooled(pixels, (2, 3))[0, ..., 0]
  assert found.tolist() == [[3.5, 5.5, 7.5], [15.5, 17.5, 19.5]]


def test_pictures_smaller_than_the_cells_repeat_their_pixels():
  found = features.pooled(np.asarray([[1.0, 2.0]]).reshape(1, 1, 2, 1), (2, 4))[0, ..., 0]
  assert found.tolist() == [[1, 1, 2, 2]] * 2


def test_cells_that_do_not_divide_the_picture_cover_all_of_it():
  found = features.pooled(np.arange(7, dtype=np.float32).reshape(1, 1, 7, 1), (1, 3))[0, 0, :, 0]
  assert found.tolist() == [0.5, 2.5, 5.0]


@pytest.mark.parametrize('shape', [(3, 5), (32, 32), (96, 41)])
def test_a_grey_picture_has_one_colour_and_no_edges(shape):
  (found,) = features.of_pictures(np.full((1, *shape, 3), 0.4, np.float32))
  assert found.shape == (400,) and found[:192] == pytest.approx(0.4)
  assert np.sort(found[192:256])[-2:].tolist() == [0, 1] and found[192 + 1 + 4 + 16] == 1
  assert not found[256:].any()


def test_edges_are_told_by_direction_and_by_cell():
  upright, lying = np.zeros((32, 32, 3), np.float32), np.zeros((32, 32, 3), np.float32)
  upright[:16, 4:], lying[4:, :16] = 1, 1
  edges = features.of_pictures(np.stack([upright, lying]))[:, 256:].reshape(2, 4, 4, 9)
  assert edges[0, 0, 0, 0] > 0 and edges[0, 0, 0, 4] == 0 and edges[1, 0, 0, 4] > 0 and edges[1, 0, 0, 0] == 0
  assert not edges[1, :, 3].any()


def test_a_place_knows_its_colour_what_is_around_it_and_where_it_is():
  pixels = np.zeros((1, 8, 8, 3), np.float32)
  pixels[0, :4, :4, 0] = 1
  found = features.of_places(pixels, (4, 4))
  assert found.shape == (1, 4, 4, 16)
  assert found[0, 0, 0, :3].tolist() == [1, 0, 0] and 0 <= found[0, 3, 3, 3] < found[0, 1, 1, 3] < found[0, 0, 0, 3] <= 1
  assert found[0, 0, 3, 6:8].tolist() == [-1, 1]
  np.testing.assert_allclose(found[..., 8:], found[..., :8] ** 2, rtol=1e-5, atol=1e-7)

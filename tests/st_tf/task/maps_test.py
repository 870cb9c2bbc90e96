import numpy as np
import pytest
import tensorflow as tf

from st_tf.task import maps

LIMBS = ((0, 1), (1, 2))
COLOURS = maps.read_colours(['#ff0000', '#00ff00', '#0000ff', '#ffff00'])
NOWHERE = [np.nan, np.nan]


def test_every_pixel_has_the_label_that_is_largest_after_enlarging():
  output = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32)
  found = maps.labelled(output, (20, 28))
  np.testing.assert_array_equal(found, tf.image.resize(output, (20, 28)).numpy().argmax(-1))
  assert maps.labelled(output, (5, 4)).tolist() == output.argmax(-1).tolist()


def test_decoding_by_hand():
  heatmaps = np.zeros((1, 6, 8, 2))
  # Joint 0: cell (row 2, column 5) is highest, its right and its upper neighbours are higher than those opposite.
  heatmaps[0, 2, 4:7, 0], heatmaps[0, 1:4:2, 5, 0] = (0.3, 0.9, 0.5), (0.4, 0.2)
  # Joint 1: in the corner, where there is no pair of neighbours to compare.
  heatmaps[0, 0, 0, 1] = 0.25
  # A crop of 32x24: cells are 4x4 pixels. (5.5 + 0.25) x 4 = 23; (2.5 - 0.25) x 4 = 9.
  assert maps.decode(heatmaps, (24, 32))[0].tolist() == [[23, 9, 0.9], [2, 2, 0.25]]


def test_equal_neighbours_move_nothing_and_negative_heatmaps_have_a_maximum_too():
  heatmaps = np.full((1, 5, 5, 1), -1.0)
  heatmaps[0, 2, 2, 0] = -0.5
  assert maps.decode(heatmaps, (5, 5))[0].tolist() == [[2.5, 2.5, -0.5]]


@pytest.mark.parametrize('broken', [np.nan, np.inf, -np.inf])
def test_a_heatmap_that_is_no_number_has_no_joint(broken):
  heatmaps = np.zeros((1, 4, 4, 2), np.float32)
  heatmaps[0, 1, 1] = 1
  heatmaps[0, 3, 3, 0] = broken
  first, second = maps.decode(heatmaps, (4, 4))[0]
  assert np.isnan(first[:2]).all() and first[2] == 0
  assert second.tolist() == [1.5, 1.5, 1]


def test_labels_lie_over_the_picture_as_colours():
  picture = np.full((2, 2, 3), 100, np.uint8)
  found = maps.with_labels(picture, np.asarray([[0, 1], [2, 3]]), COLOURS)
  assert found[0, 0].tolist() == [round(45 + 0.55 * 255), 45, 45] and found[1, 1].tolist() == [185, 185, 45]


def test_a_joint_alone_is_a_dot_of_its_colour_at_its_place():
  image = np.full((40, 80, 3), 7, np.uint8)
  shown = maps.with_joints(image, np.asarray([NOWHERE, [20.5, 10.5], NOWHERE, NOWHERE]), LIMBS, COLOURS)
  # The longer side becomes 320: 4 times the size, where the joint is at (82, 42).
  assert shown.shape == (160, 320, 3)
  assert shown[42, 82].tolist() == COLOURS[1].tolist()
  rows, columns = np.nonzero((shown != 7).any(2))
  assert abs(columns.mean() + 0.5 - 82) < 1 and abs(rows.mean() + 0.5 - 42) < 1
  assert (image == 7).all()


def test_limbs_are_drawn_where_both_ends_are_known():
  image = np.zeros((320, 320, 3), np.uint8)
  places = np.asarray([[50.0, 50], [250, 50], [250, 250], [50, 250]])
  shown = maps.with_joints(image, places, LIMBS, COLOURS)
  assert shown[50, 150].any() and shown[150, 250].any() and not shown[250, 150].any()
  places[2] = np.nan
  assert not maps.with_joints(image, places, LIMBS, COLOURS)[150, 250].any()


def test_large_pictures_keep_their_size():
  assert maps.with_joints(np.zeros((400, 300, 3), np.uint8), np.full((4, 2), np.nan), LIMBS, COLOURS).shape == (400, 300, 3)


def test_places_beyond_the_picture_do_no_harm():
  image = np.zeros((320, 320, 3), np.uint8)
  shown = maps.with_joints(image, np.asarray([[-1e4, 50.0], [400, 50], [1e4, 1e4], NOWHERE]), LIMBS, COLOURS)
  assert shown.shape == image.shape and shown[50, 160].any()

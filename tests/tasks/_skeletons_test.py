import numpy as np

from tasks import _skeletons
from tasks._joints import Joints

JOINTS = Joints(('left_hip', 'right_hip', 'neck', 'l_knee'), (0.1,) * 4, ((0, 1),), ((0, 1), (1, 2)))
NOWHERE = [np.nan, np.nan]


def test_a_joint_alone_is_a_dot_of_its_colour_at_its_place():
  image = np.full((40, 80, 3), 7, np.uint8)
  shown = _skeletons.drawn(image, np.asarray([NOWHERE, [20.5, 10.5], NOWHERE, NOWHERE]), JOINTS)
  # The longer side becomes 320: 4 times the size, where the joint is at (82, 42).
  assert shown.shape == (160, 320, 3)
  assert shown[42, 82].tolist() == _skeletons.colours(JOINTS)[1].tolist()
  rows, columns = np.nonzero((shown != 7).any(2))
  assert abs(columns.mean() + 0.5 - 82) < 1 and abs(rows.mean() + 0.5 - 42) < 1
  assert (image == 7).all()


def test_limbs_are_drawn_where_both_ends_are_known():
  image = np.zeros((320, 320, 3), np.uint8)
  places = np.asarray([[50.0, 50], [250, 50], [250, 250], [50, 250]])
  shown = _skeletons.drawn(image, places, JOINTS)
  assert shown[50, 150].any() and shown[150, 250].any() and not shown[250, 150].any()
  places[2] = np.nan
  assert not _skeletons.drawn(image, places, JOINTS)[150, 250].any()


def test_large_pictures_keep_their_size():
  assert _skeletons.drawn(np.zeros((400, 300, 3), np.uint8), np.full((4, 2), np.nan), JOINTS).shape == (400, 300, 3)


def test_places_beyond_the_picture_do_no_harm():
  image = np.zeros((320, 320, 3), np.uint8)
  shown = _skeletons.drawn(image, np.asarray([[-1e4, 50.0], [400, 50], [1e4, 1e4], NOWHERE]), JOINTS)
  assert shown.shape == image.shape and shown[50, 160].any()


def test_colours_differ_and_tell_the_sides_apart():
  colours = _skeletons.colours(JOINTS)
  assert len({tuple(colour) for colour in colours.tolist()}) == 4
  red, green, blue = range(3)
  for left in (0, 3):
    assert colours[left].argmax() == red
  assert colours[1][blue] > colours[1][red] and colours[2].argmax() == green

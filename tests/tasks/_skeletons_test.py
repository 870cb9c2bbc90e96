from st_tf.task.maps import read_colours
from tasks import _skeletons
from tasks._joints import Joints

JOINTS = Joints(('left_hip', 'right_hip', 'neck', 'l_knee'), (0.1,) * 4, ((0, 1),), ((0, 1), (1, 2)))


def test_colours_differ_and_tell_the_sides_apart():
  colours = _skeletons.colours(JOINTS)
  assert len({tuple(colour) for colour in colours.tolist()}) == 4
  red, green, blue = range(3)
  for left in (0, 3):
    assert colours[left].argmax() == red
  assert colours[1][blue] > colours[1][red] and colours[2].argmax() == green


def test_without_sides_colours_are_of_all_hues():
  red, green, blue = range(3)
  found = _skeletons.colours(Joints(('top', 'middle', 'end'), (0.1,) * 3, (), ()))
  assert [colour.argmax() for colour in found] == [red, green, blue]


def test_colours_can_be_written():
  assert read_colours(_skeletons.written_colours(JOINTS)).tolist() == _skeletons.colours(JOINTS).tolist()

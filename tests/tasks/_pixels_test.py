import dataclasses

import numpy as np
import pytest

from st_tf.task import TaskError
from tasks import _pixels
from tests.tasks._people_test import annotations


def changed(places=((20, 20), (25, 22)), v=(2, 2), **changes):
  """Two labelled people, the second with these joints."""
  found = annotations()
  keypoints = found.keypoints.copy()
  keypoints[1] = [(*place, seen) for place, seen in zip(places, v)]
  return dataclasses.replace(found, keypoints=keypoints, **changes)


def of_second(field, value):
  values = getattr(annotations(), field).copy()
  values[1] = value
  return {field: values}


def test_pixels_are_read():
  _pixels.check_units(changed())
  _pixels.check_units(changed(((0.5, 0.5), (0, 0)), (2, 0)))  # One joint may lie in the corner.
  _pixels.check_units(changed(((0.5, 0.5), (0.1, 0.9)), **of_second('boxes', (0, 0, 1.5, 1.5))))  # A very small person.


@pytest.mark.parametrize(
  ('found', 'message'),
  [
    (changed(((0.5, 0.5), (0.1, 0.9))), r'Joints are in pixels .* annotation 12 of people\.json \(1 such annotations\)\. Multiply x by'),
    (changed(((1, 0), (0, 1))), r'Joints are in pixels'),
    (changed(((1.02, 0.4), (-0.3, 0.9))), r'Joints are in pixels'),  # Outside of the picture.
    (changed(**of_second('boxes', (0.5, 0.5, 0.2, 0.3))), r'Boxes are in pixels .* from 0 to 1 in annotation 12 .* y and height by its'),
    (changed(**of_second('areas', 0.3)), r"A person's 'area' is in square pixels\. Received: from 0 to 1 in annotation 12"),
  ],
)
def test_shares_of_a_picture_are_refused(found, message):
  with pytest.raises(TaskError, match=message):
    _pixels.check_units(found)


def test_one_joint_each_in_the_corner_of_all_pictures_is_no_pixel():
  found = annotations()
  keypoints = found.keypoints.copy()
  keypoints[:2, 0, :2] = 0.5, 0.7
  with pytest.raises(TaskError, match=r'Joints are in pixels .* annotation 11 of people\.json \(2 such'):
    _pixels.check_units(dataclasses.replace(found, keypoints=keypoints))


def test_a_joint_may_lie_outside_its_picture_by_the_size_of_its_box():
  _pixels.check_places(changed(((69, 20), (20, 49))))
  with pytest.raises(TaskError, match=r"'right_hip' at \(20, 51\) of annotation 12 in people\.json, an image of 60x40 \(1 such joints\)"):
    _pixels.check_places(changed(((69, 20), (20, 51))))
  assert np.isfinite(annotations().boxes).all()


def test_joints_that_all_lie_far_from_their_box_are_refused():
  near = changed(((46, 20), (2, 2)), **of_second('boxes', (30, 20, 8, 6)))
  _pixels.check_boxes(near)
  with pytest.raises(TaskError, match=r'Received: \[47\.0, 20\.0\] and others, a box of \[30\.0, 20\.0, 8\.0, 6\.0\] .* annotation 12 of'):
    _pixels.check_boxes(changed(((47, 20), (2, 2)), **of_second('boxes', (30, 20, 8, 6))))
  with pytest.raises(TaskError, match=r'\[47\.0, 20\.0\] and others'):
    _pixels.check_boxes(changed(((47, 20), (30, 22)), (2, 0), **of_second('boxes', (30, 20, 8, 6))))

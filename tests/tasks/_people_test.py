import dataclasses

import numpy as np
from PIL import Image
import pytest

from st_tf.task import TaskError
from tasks._joints import Joints
from tasks._people import Annotations, Detections, detected_people, overlap, true_people

JOINTS = Joints(('left_hip', 'right_hip'), (0.1, 0.1), ((0, 1),), ())


def annotations(**changes):
  """Pictures 7 and 8, of 60 wide and 40 high, with people 11 to 14; the last is a crowd and the third has no labelled joint."""
  keypoints = np.zeros((4, 2, 3))
  keypoints[:, 0] = 20, 20, 2
  keypoints[2, 0] = 0
  found = Annotations(
    source='people.json',
    joints=JOINTS,
    category=1,
    pictures=[np.full((40, 60, 3), shade, np.uint8) for shade in (10, 20)],
    picture_ids=np.asarray([7, 8]),
    shapes=np.asarray([(40, 60)] * 2),
    person_ids=np.asarray([11, 12, 13, 14]),
    picture=np.asarray([0, 1, 1, 1]),
    boxes=np.asarray([(10, 10, 20, 20), (40, 20, 10, 10), (0, 0, 10, 10), (0, 0, 10, 10)], np.float64),
    areas=np.asarray([300.0, 90, 80, 80]),
    keypoints=keypoints,
    crowd=np.asarray([False, False, False, True]),
  )
  return dataclasses.replace(found, **changes)


def detections(picture_ids, boxes, scores):
  return Detections('boxes.json', np.asarray(picture_ids), np.asarray(boxes, np.float64), np.asarray(scores, np.float64))


def both(**changes):
  return true_people(annotations(**changes), np.arange(2), 'test')


def test_crowds_and_people_without_a_labelled_joint_are_left_out_and_counted():
  assert annotations().labelled.tolist() == [True, True, False, False]
  assert annotations().left_out == {'crowds': 1, 'people without a labelled joint': 1}
  assert both().truth.tolist() == [0, 1]


def test_the_people_of_some_pictures():
  people = true_people(annotations(), np.asarray([1]), 'test')
  assert (len(people), people.picture.tolist(), people.scores.tolist(), people.picture_ids.tolist()) == (1, [1], [1], [8])
  assert people.keypoints(0).tolist() == [[20, 20, 2], [0, 0, 0]]


def test_a_box_counts_as_far_as_it_lies_in_its_picture():
  boxes = annotations().boxes.copy()
  boxes[:2] = (-5, 30, 20, 30), (50, -4, 30, 10)
  assert both(boxes=boxes).boxes.tolist() == [[0, 30, 15, 10], [50, 0, 10, 6]]


@pytest.mark.parametrize('box', [(60, 0, 10, 10), (-10, 5, 10, 10), (5, 5, 0, 10), (5, 5, 10, -3)])
def test_a_box_outside_its_image_or_of_no_area_is_named(box):
  boxes = annotations().boxes.copy()
  boxes[1] = box
  with pytest.raises(
    TaskError, match=r'A box .* has an area inside its image\. Received: \[.*\] of annotation 12 of people\.json, .*60x40'
  ):
    both(boxes=boxes)


def test_the_box_of_somebody_who_is_left_out_is_not_looked_at():
  boxes = annotations().boxes.copy()
  boxes[2:] = 0
  assert len(both(boxes=boxes)) == 2


def test_a_split_without_a_labelled_joint_is_refused_with_what_it_has():
  with pytest.raises(
    TaskError,
    match=r'with a labelled joint\. Received: an empty test split of people\.json, .* 1 crowds, 3 people without .* \(7 of a dog\)\. Add',
  ):
    both(keypoints=np.zeros((4, 2, 3)), notes=('7 of a dog',))


def test_overlap_by_hand():
  # Against a square of side 10: itself, half of it, a neighbour, and one moved by (5, 5), which shares 25 of 175.
  boxes = np.asarray([(0, 0, 10, 10), (0, 0, 5, 10), (10, 0, 10, 10), (5, 5, 10, 10)], np.float64)
  np.testing.assert_allclose(overlap(boxes[0], boxes), [1, 0.5, 0, 25 / 175])


def test_detected_boxes_take_the_place_of_the_true_ones_and_know_whom_they_show():
  found = detected_people(
    both(), detections([8, 7, 8, 99], [(41, 20, 10, 10), (10, 10, 20, 18), (0, 30, 10, 10), (0, 0, 1, 1)], [0.5, 0.9, 0.7, 1])
  )
  assert found.picture.tolist() == [1, 0, 1]  # Image 99 is of another split.
  assert found.scores.tolist() == [0.5, 0.9, 0.7]
  assert found.boxes[0].tolist() == [41, 20, 10, 10]
  assert found.truth.tolist() == [1, 0, -1]
  assert not found.keypoints(2).any()


def test_of_two_boxes_of_one_person_the_better_one_is_the_persons():
  assert detected_people(both(), detections([7, 7], [(10, 10, 20, 20), (11, 10, 20, 20)], [0.2, 0.3])).truth.tolist() == [-1, 0]


def test_a_detected_box_outside_its_image_is_named():
  with pytest.raises(TaskError, match=r'Received: \[70\.0, 0\.0, 5\.0, 5\.0\] of a box in image 7 of boxes\.json'):
    detected_people(both(), detections([7], [(70, 0, 5, 5)], [1]))


def test_pictures_are_read_from_memory_and_from_files(tmp_path):
  Image.fromarray(np.full((40, 60, 3), 99, np.uint8)).save(tmp_path / 'one.png')
  known = annotations(pictures=[np.full((40, 60, 3), 10, np.uint8), tmp_path / 'one.png'])
  assert [known.read(index).getpixel((5, 5)) for index in range(2)] == [(10,) * 3, (99,) * 3]


def test_a_picture_of_another_size_than_annotated_is_named(tmp_path):
  Image.new('RGB', (40, 60)).save(tmp_path / 'one.png')
  with pytest.raises(
    TaskError, match=rf'has the size that its annotations name\. Received: 40x60 of {tmp_path}/one\.png, 60x40 in people\.json'
  ):
    annotations(pictures=[tmp_path / 'one.png']).read(0)


def test_a_picture_that_cannot_be_decoded_is_named(tmp_path):
  (tmp_path / 'one.png').write_bytes(b'no picture')
  with pytest.raises(TaskError, match=rf'An image can be decoded\. Received: {tmp_path}/one\.png'):
    annotations(pictures=[tmp_path / 'one.png']).read(0)

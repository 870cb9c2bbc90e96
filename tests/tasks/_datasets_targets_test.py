import numpy as np
import pytest

from st_tf.task import TaskError
from tasks import _datasets_targets
from tasks._datasets_given import Given, packed
from tasks._joints import COCO_SIGMAS, DEFAULT_SIGMA
from tasks._masks import IGNORED

IMAGES = np.zeros((2, 4, 6, 3), np.uint8)
MASKS = np.asarray([np.arange(24).reshape(4, 6) % 3] * 2)
PLACES = np.asarray([[[0.5, 3.0], [6.0, 4.0]]] * 2)


def given(targets):
  """Targets of a split, in lists where they differ."""
  return Given('the train split of own', IMAGES, packed(targets))


def refused(message, function, *arguments):
  with pytest.raises(TaskError, match=message):
    function(*arguments)


@pytest.mark.parametrize(
  ('shape', 'kind'),
  [((5,), 'classification'), ((5, 1), 'classification'), ((5, 10), 'classification'), ((5, 8, 8), 'segmentation')]
  + [((5, 17, 2), 'keypoints'), ((5, 17, 3), 'keypoints')],
)
def test_dimensions_tell_the_kind(shape, kind):
  assert _datasets_targets.kind_of(given(np.zeros(shape))) == kind


def test_masks_of_several_sizes_are_masks_and_of_one_channel_none():
  assert _datasets_targets.kind_of(given([np.zeros((4, 6)), np.zeros((8, 9))])) == 'segmentation'
  message = r'Targets are labels .* Received: \[4, 6, 1\] for an image of the train split of own\. Of masks with one channel write mask\['
  refused(message, _datasets_targets.kind_of, given(np.zeros((2, 4, 6, 1))))


def test_a_kind_is_one_there_is():
  assert _datasets_targets.check_kind('keypoints') == 'keypoints'
  refused(r'kind is one of .* Received: 3\.', _datasets_targets.check_kind, 3)


def test_names_are_those_given_or_the_numbers():
  assert _datasets_targets.names((), ['0', '1']) == ('0', '1')
  assert _datasets_targets.names(['ant', 'bee'], ['0']) == ('ant', 'bee')


@pytest.mark.parametrize('labels', ['ant', ['ant', 'ant'], ['ant', ''], [1, 2]])
def test_what_are_no_names_is_refused(labels):
  refused(
    r"labels are names in order, no two alike\. Received: .*\. Write for example labels=\['ant', 'bee'\]",
    *(_datasets_targets.names, labels, []),
  )


@pytest.mark.parametrize('dtype', [np.uint8, np.int64])
def test_labels_are_numbers_in_one_column_or_none(dtype):
  for targets in (np.asarray([0, 2, 1], dtype), np.asarray([[0], [2], [1]], dtype)):
    numbers, count = _datasets_targets.labels(given(targets))
    assert numbers.tolist() == [0, 2, 1] and count == 3


@pytest.mark.parametrize('dtype', [bool, np.int64, np.float32])
def test_one_hot_rows_are_the_numbers_they_stand_for(dtype):
  numbers, count = _datasets_targets.labels(given(np.eye(4, dtype=dtype)[[2, 0, 2]]))
  assert numbers.tolist() == [2, 0, 2] and count == 4


@pytest.mark.parametrize(
  ('targets', 'message'),
  [
    ([0.0, 1.0], r'Received: float64 in the train split of own\. Write targets\.astype\(int\); of names'),
    (['ant', 'bee'], r'Received: .* in the train split of own\. .* np\.unique\(targets, return_inverse=True\)'),
    ([[0.5, 0.5], [1, 0]], r'Received: other rows of float64 .* Of shares of classes write targets\.argmax\(1\)'),
    ([[1, 1], [1, 0]], r'Received: other rows of int64'),
    ([[np.nan, 1], [1, 0]], r'Received: other rows of float64'),
    (np.zeros((2, 4, 6)), r'Received: \[\[4, 6\]\] in the train split of own\. Correct the targets, or say another kind='),
    ([np.zeros(2), np.zeros(3)], r'Received: \[\[2\], \[3\]\] in'),
  ],
)
def test_what_are_no_labels_is_refused(targets, message):
  refused(r'Labels are one whole number per image, or .*' + message, _datasets_targets.labels, given(targets))


def test_what_no_training_example_shows_is_refused():
  _datasets_targets.check_learnable(np.asarray([1, 2]), ['a', 'b'], 'class', 'train')
  message = r"Every joint has training examples\. Received: none of 'b' in train \(2 such\)\. Add examples, or leave it out of labels"
  refused(message, _datasets_targets.check_learnable, np.asarray([1, 0, 0]), ['a', 'b', 'c'], 'joint', 'train')


@pytest.mark.parametrize(
  ('void', 'highest', 'count', 'row'),
  [(255, 2, 3, [0, 1, 2]), (None, 2, 3, [0, 1, 2]), (0, 2, 2, [IGNORED, 0, 1]), (2, 1, 2, [0, 1, IGNORED]), (-1, 2, 3, [0, 1, 2])],
)
@pytest.mark.parametrize('dtype', [np.uint8, np.int32])
def test_numbers_become_classes_from_0(void, highest, count, row, dtype):
  masks = given(MASKS.astype(dtype))
  assert _datasets_targets.check_masks(masks, IMAGES, void) == highest
  found = _datasets_targets.classes(masks, void, count)
  assert found.dtype == np.int32 and found[1, 0].tolist() == row * 2


def test_yes_and_no_are_classes_too():
  found = _datasets_targets.classes(given(MASKS > 0), None, 2)
  assert _datasets_targets.check_masks(given(MASKS > 0), IMAGES, None) == 1 and found[0, 0].tolist() == [0, 1, 1] * 2


def test_absent_classes_and_much_void_are_told():
  masks = np.full((2, 4, 6), IGNORED, np.int32)
  masks[:, :2] = 1
  assert list(_datasets_targets.mask_notes(np.where(masks < 0, 0, masks), ['a', 'b'], 'train')) == []
  assert list(_datasets_targets.mask_notes(masks, ['a', 'b', 'c'], 'train')) == ["train: no mask has 'a' and 1 more classes"]
  masks[:, 1] = IGNORED
  assert list(_datasets_targets.mask_notes(masks, ['a', 'b'], 'train')) == [
    "train: no mask has 'a'",
    'train: 75% of the pixels are void, from which nothing is learned',
  ]


@pytest.mark.parametrize(
  ('masks', 'void', 'message'),
  [
    (
      MASKS.astype(float),
      255,
      r'A mask is \[height, width\] .* Received: float64 \[4, 6\] for image 0 of .* Write the number of its class',
    ),
    (MASKS[..., None], 255, r'Received: int64 \[4, 6, 1\] for image 0 of .* Write mask\[\.\.\., 0\]'),
    (MASKS[:, :3], 255, r'A mask has the size of its image, 6x4 of image 0 of .* Received: 6x3\. Resize both alike'),
    (MASKS - 1, 255, r'Received: -1 for image 0 of the train split of own\. If it is void, say void=-1'),
    (MASKS * 0, 0, r'The masks of a split have pixels of classes\. Received: void alone, number 0, in the train split of own\. Say which'),
  ],
)
def test_what_are_no_masks_is_refused(masks, void, message):
  refused(message, _datasets_targets.check_masks, given(masks), IMAGES, void)


@pytest.mark.parametrize(
  ('void', 'count', 'message'),
  [
    (1, 3, r'void is a number that no class has; classes have 0 to 2\. Received: 1\. Say another'),
    (255, 2, r'the numbers of the 2 classes, 0 to 1, or of void, 255\. Received: 2 for image 0 of .*own\. If 0 is void .* say void=0'),
    (0, 1, r'the numbers of the 1 classes, 1 to 1, or of void, 0\. Received: 2 for image 0 of .*own\. Correct the mask or the labels'),
  ],
)
def test_numbers_beyond_the_classes_are_refused(void, count, message):
  refused(message, _datasets_targets.classes, given(MASKS), void, count)


def test_joints_with_two_numbers_are_visible_unless_nan():
  places = PLACES.copy()
  places[1, 0] = np.nan
  found = _datasets_targets.places(given(places), IMAGES)
  assert found.tolist() == [[[0.5, 3, 2], [6, 4, 2]], [[0, 0, 0], [6, 4, 2]]]


def test_joints_with_three_numbers_say_it_themselves():
  found = _datasets_targets.places(given([[[0.5, 3, 1], [-9, 99, 0]], [[2, 2, 2], [np.nan, 1, 0]]]), IMAGES)
  assert found.tolist() == [[[0.5, 3, 1], [0, 0, 0]], [[2, 2, 2], [0, 0, 0]]]


@pytest.mark.parametrize(
  ('targets', 'message'),
  [
    (PLACES[0], r'Joints are \[n, joints, 3\]: .* Received: float64 \[2, 2\] in the train split of own\. Give every image as many rows'),
    ([PLACES[0], PLACES[0, :1]], r'Joints are .* Received: \[\[1, 2\], \[2, 2\]\] in'),
    ([[[1, 1, 3]], [[1, 1, 2]]], r'Joints are .* Received: another third number for image 0 of .*own\. Correct it'),
    ([[[1, 1, 2]], [[1, 1, np.nan]]], r'Joints are .* Received: another third number for image 1'),
    (
      [[[1, 1]], [[6.5, 1]]],
      r'A labelled joint lies in its image, 6x4\. Received: joint 0 at \(6\.5, 1\) of image 1 of .*own \(1 such joints\)',
    ),
    ([[[1, 1]], [[1, 4.5]]], r'Received: joint 0 at \(1, 4\.5\) of image 1'),
    ([[[1, 1]], [[1, np.nan]]], r'Received: joint 0 at \(1, nan\) of image 1 .*\. Correct it, or mark it as not visible'),
    ([[[1, -1, 1]], [[1, 1, 1]]], r'Received: joint 0 at \(1, -1\) of image 0'),
  ],
)
def test_what_are_no_joints_is_refused(targets, message):
  refused(message, _datasets_targets.places, given(targets), IMAGES)


def test_whole_numbers_of_all_splits_name_pixels():
  whole = np.asarray([[[1, 2, 2], [0, 0, 0]]], float)
  found = _datasets_targets.centred({'train': whole, 'test': whole * [1, 1, 0.5]}, 'own')
  assert found['train'].tolist() == [[[1.5, 2.5, 2], [0, 0, 0]]] and found['test'].tolist() == [[[1.5, 2.5, 1], [0, 0, 0]]]
  part = whole + [0.25, 0, 0]
  found = _datasets_targets.centred({'train': whole, 'test': part}, 'own')
  assert found['train'].tolist() == whole.tolist() and found['test'].tolist() == part.tolist()


def test_shares_of_the_sides_are_refused():
  message = r'x and y are pixels\. Received: none above 1 in own\. Multiply shares by the width and the height'
  refused(message, _datasets_targets.centred, {'train': np.asarray([[[0.3, 1.0, 2]]])}, 'own')


def joints(labels, skeleton=(), flip_pairs=None, sigmas=None):
  return _datasets_targets.joints(labels, skeleton, flip_pairs, sigmas, 'own')


def test_joints_are_paired_by_name_or_as_said():
  assert joints(('nose', 'left_eye', 'right_eye')).pairs == ((1, 2),)
  assert joints(('a', 'b', 'c')).pairs is None
  found = joints(('a', 'b', 'c'), [('c', 'a')], [('a', 'b')], np.asarray([0.1, 0.2, 0.3]))
  assert (found.pairs, found.limbs, found.sigmas) == (((0, 1),), ((2, 0),), (0.1, 0.2, 0.3))
  assert joints(('a', 'b'), flip_pairs=()).pairs == ()


def test_tolerances_are_those_of_coco_for_its_joints_alone():
  assert joints(tuple(COCO_SIGMAS)).sigmas == tuple(COCO_SIGMAS.values())
  assert joints(('nose',)).sigmas == (DEFAULT_SIGMA,)


def test_a_side_without_its_other_is_not_mirrored():
  assert joints(('left_eye', 'right_eye', 'left_ear')).pairs is None
  with pytest.raises(TaskError, match=r"'flip_pairs' name every joint that has a side\. Received: 'left_ear' in no pair in own\. Add"):
    joints(('left_eye', 'right_eye', 'left_ear'), flip_pairs=[('left_eye', 'right_eye')])


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ({'skeleton': [('ankle', 'kne')]}, r"skeleton has pairs of labels\. Received: \('ankle', 'kne'\) in own\. Did you mean knee\?"),
    ({'skeleton': [(1, 2)]}, r'skeleton has pairs of labels\. Received: \(1, 2\) in own\. The labels: ankle, knee'),
    ({'flip_pairs': ['ankle']}, r"flip_pairs has pairs of labels\. Received: 'ankle' in own"),
    ({'flip_pairs': [('ankle', 'knee'), ('knee', 'ankle')]}, r"'flip_pairs' are pairs of its joints' names, each in one pair at most"),
    ({'sigmas': [0.1]}, r"'sigmas' are one positive number for each of its 2 joints\. Received: \[0\.1\] in own"),
    ({'sigmas': [0.1, np.nan]}, r"'sigmas' are one positive number"),
  ],
)
def test_what_does_not_fit_the_joints_is_refused(arguments, message):
  with pytest.raises(TaskError, match=message):
    joints(('ankle', 'knee'), **arguments)

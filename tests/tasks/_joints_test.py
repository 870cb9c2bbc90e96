import numpy as np
from pycocotools.cocoeval import Params
import pytest

from st_tf.task import TaskError
from tasks import _joints

COCO_NAMES = (
  *('nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'left_shoulder', 'right_shoulder', 'left_elbow', 'right_elbow'),
  *('left_wrist', 'right_wrist', 'left_hip', 'right_hip', 'left_knee', 'right_knee', 'left_ankle', 'right_ankle'),
)


def made(*names, **keys):
  return _joints.joints({'keypoints': list(names), **keys}, 'people.json')


def test_cocos_17_have_the_tolerances_of_cocos_own_code():
  found = made(*COCO_NAMES)
  np.testing.assert_allclose(found.sigmas, Params(iouType='keypoints').kpt_oks_sigmas)
  assert found.pairs == ((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16))


def test_cocos_17_in_another_order_and_spelling_keep_their_own_tolerances():
  found = made('Left Wrist', *(name for name in COCO_NAMES if name != 'left_wrist'))
  assert found.sigmas[:3] == (0.062, 0.026, 0.025)


def test_other_joints_have_the_mean_of_cocos_tolerances():
  assert made('left_wrist', 'nose').sigmas == (_joints.DEFAULT_SIGMA,) * 2
  assert _joints.DEFAULT_SIGMA == pytest.approx(np.mean(list(_joints.COCO_SIGMAS.values())), abs=5e-4)


def test_a_file_may_bring_its_own_tolerances():
  assert made('a', 'b', sigmas=[0.1, 1]).sigmas == (0.1, 1.0)


def test_pairs_are_the_names_that_differ_in_the_side_alone():
  found = made('r_hip', 'neck', 'l_hip', 'left-knee', 'RIGHT KNEE')
  assert found.pairs == ((2, 0), (3, 4))
  # In the mirror, the right hip is at the left one's place.
  assert found.mirrored.tolist() == [2, 1, 0, 4, 3]


@pytest.mark.parametrize(
  ('left', 'right'),
  [
    *[('leftEye', 'rightEye'), ('EyeL', 'EyeR'), ('LEye', 'REye'), ('eye.l', 'eye.r'), ('eye_left', 'eye_right'), ('lefteye', 'righteye')],
    *[
      ('L1', 'R1'),
      ('l_1', 'r_1'),
      ('1L', '1R'),
      ('eyeleft', 'eyeright'),
      ('L_F_Paw', 'R_F_Paw'),
      ('left1', 'right1'),
      ('Left Eye', 'right-eye'),
    ],
  ],
)
def test_a_side_is_read_however_it_is_written(left, right):
  assert made(left, 'nose', right).pairs == ((0, 2),)


@pytest.mark.parametrize(
  'alone', ['left_hand', 'HandR', 'rightfoot', '左手', 'LF_paw', 'rt.hand', 'linkes_auge', 'mano_derecha', 'левый_глаз']
)
def test_with_one_side_alone_images_are_not_mirrored(alone):
  found = made('lefteye', 'righteye', 'l_hip', 'r_hip', alone)
  assert found.pairs is None and f'not mirrored: {alone!r} has no other side' in found.mirror
  assert made('left_eye', 'l_eye', 'right_eye').pairs is None, 'which of two left eyes'
  assert made('l_hip', 'r_hip', 'pedestrian_head', 'blink', 'bolt').pairs == ((0, 1),)


def test_a_letter_and_a_number_are_a_side_only_where_the_other_one_is_there():
  spine = [f'L{number}' for number in range(1, 6)]
  hips = ('left_hip', 'right_hip')
  assert made(*hips, *spine).mirror.endswith('left/right hip; L1, L2, L3, L4, L5 stay')
  assert made(*hips, *spine, flip_pairs=[list(hips)]).pairs == ((0, 1),)
  assert made(*spine).pairs is None and 'no names of left and right' in made(*spine).mirror
  assert {_joints.side(name) for name in spine} == {''} and _joints.side('left1') == 'left'
  assert made('L1', 'R1', 'L2', 'R2').mirror.endswith('what changes places: L1/R1, L2/R2')
  assert "'L2' has no other side" in made('L1', 'R1', 'L2').mirror
  with pytest.raises(TaskError, match=r"'flip_pairs' name every joint that has a side\. Received: 'L2' in no pair"):
    made('L1', 'R1', 'L2', 'R2', flip_pairs=[['L1', 'R1']])


def test_what_a_mirror_does_is_said_in_words():
  assert made('left_eye', 'right_eye', 'l_ear', 'r_ear', 'nose').mirror.endswith('what changes places: left/right eye, ear; nose stays')
  assert made('a', 'b', 'c', 'd', flip_pairs=[['a', 'b']]).mirror.endswith('what changes places: a/b; c, d stay')
  assert made('top', flip_pairs=[]).mirror.endswith('what changes places: nothing; top stays')
  assert 'no names of left and right' in made('a', 'b').mirror
  many = [f'{side}_{index}' for index in range(12) for side in ('left', 'right')]
  assert made(*many).mirror.endswith('8, 9, and 2 more')


def test_given_pairs_are_used_and_may_be_none_on_purpose():
  assert made('port', 'bow', 'starboard', flip_pairs=[['port', 'starboard']]).mirrored.tolist() == [2, 1, 0]
  assert made('bow', 'stern', flip_pairs=[]).pairs == ()


def test_without_any_pair_nothing_is_known_of_mirrors():
  assert made('centre', 'top', 'right').pairs is None
  assert made('left_hip', 'right_knee').pairs is None


def test_limbs_are_the_files_counted_from_one_or_come_from_the_names():
  assert made('a', 'b', 'c', skeleton=[[1, 3], [2, 1]]).limbs == ((0, 2), (1, 0))
  assert set(made('r_ankle', 'r_knee', 'neck', 'head_top', skeleton=[]).limbs) == {(0, 1), (2, 3)}
  assert made('a', 'b').limbs == ()
  connected = {end for limb in made(*COCO_NAMES).limbs for end in limb}
  assert connected == set(range(17))


def test_torsos_reach_from_a_shoulder_to_the_other_sides_hip():
  assert made('l_shoulder', 'r_shoulder', 'l_hip', 'r_hip').torsos == ((0, 3), (1, 2))
  assert made('r_shoulder', 'l_hip', 'neck').torsos == ((0, 1),)
  assert made('l_shoulder', 'l_hip').torsos == ()


@pytest.mark.parametrize(
  ('name', 'expected', 'side'),
  [
    ('l_hip', 'left_hip', 'left'),
    ('Right Eye', 'right_eye', 'right'),
    ('leftover', 'leftover', ''),
    ('right', 'right', ''),
    ('neck', 'neck', ''),
  ],
)
def test_names_are_read_with_their_side(name, expected, side):
  assert (_joints.plain(name), _joints.side(name)) == (expected, side)


@pytest.mark.parametrize(
  ('keys', 'message'),
  [
    ({'keypoints': []}, r"'keypoints' are the names of its joints, no two alike\. Received: \[\] in people\.json"),
    ({'keypoints': ['a', 'a']}, r"Received: \['a', 'a'\] in people\.json"),
    ({'keypoints': ['a', 1]}, r"Received: \['a', 1\] in people\.json"),
    ({'keypoints': 'ab'}, r"Received: 'ab' in people\.json"),
    ({'sigmas': [0.1]}, r"'sigmas' are one positive number for each of its 3 joints\. Received: \[0\.1\] in people\.json"),
    ({'sigmas': [0.1, 0, 0.1]}, r"'sigmas' are one positive number"),
    ({'sigmas': [0.1, float('nan'), 0.1]}, r"'sigmas' are one positive number"),
    ({'sigmas': [0.1, 10**400, 0.1]}, r"'sigmas' are one positive number"),
    ({'flip_pairs': [[1, 2]]}, r"'flip_pairs' are pairs of its joints' names.* Received: \[\[1, 2\]\] in people\.json"),
    ({'flip_pairs': [['a', 'd']]}, r"'flip_pairs' are pairs"),
    ({'flip_pairs': [['a', 'b'], ['b', 'c']]}, r'each in one pair at most'),
    ({'flip_pairs': 5}, r"'flip_pairs' are pairs"),
    (
      {'keypoints': ['left_eye', 'right_eye', 'left_ear'], 'flip_pairs': [['left_eye', 'right_eye']]},
      r"'flip_pairs' name every joint that has a side\. Received: 'left_ear' in no pair in people\.json\. Add its pair",
    ),
    ({'skeleton': [[0, 1]]}, r"'skeleton' has pairs of joints, counted from 1 to 3\. Received: \[\[0, 1\]\] in people\.json"),
    ({'skeleton': [[1, 4]]}, r"'skeleton' has pairs"),
    ({'skeleton': [[1, 2, 3]]}, r"'skeleton' has pairs"),
  ],
)
def test_a_category_that_does_not_fit_its_joints_is_refused(keys, message):
  with pytest.raises(TaskError, match=message):
    _joints.joints({'keypoints': ['a', 'b', 'c']} | keys, 'people.json')

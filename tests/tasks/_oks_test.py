import math
import warnings

import numpy as np
import pytest

from st_tf.task import TaskError
from tasks import _crops
from tasks._joints import DEFAULT_SIGMA, Joints
from tasks._oks import KeypointMetrics, correct, drawn_interval, evaluated, precision_of_draws, summary
from tasks._people import Annotations, People, true_people

SHAPE = (64, 64)
SIGMAS = (0.05, 0.1, 0.2)
JOINTS = Joints(('nose', 'left_hip', 'right_hip'), SIGMAS, ((1, 2),), ())


def split(people, joints=JOINTS, pictures=None, crowd=None):
  """A split of people (picture, box, area, keypoints [joints, 3]); every picture is 100x100."""
  pictures = pictures or 1 + max(picture for picture, *_ in people)
  annotations = Annotations(
    source='people.json',
    joints=joints,
    category=1,
    pictures=[np.zeros((100, 100, 3), np.uint8)] * pictures,
    picture_ids=np.arange(pictures),
    shapes=np.full((pictures, 2), 100),
    person_ids=np.arange(len(people)),
    picture=np.asarray([picture for picture, *_ in people]),
    boxes=np.asarray([box for _, box, _, _ in people], np.float64),
    areas=np.asarray([area for _, _, area, _ in people], np.float64),
    keypoints=np.asarray([keypoints for *_, keypoints in people], np.float64),
    crowd=np.zeros(len(people), bool) if crowd is None else np.asarray(crowd),
  )
  return true_people(annotations, np.arange(pictures), 'test')


def person(offset=0.0, visible=(2, 2, 2), area=400.0, picture=0):
  keypoints = [(20 + offset, 20, visible[0]), (15 + offset, 40, visible[1]), (25 + offset, 40, visible[2])]
  return picture, (10 + offset, 10, 20, 40), area, keypoints


def answered(people, moves=0.0, confidence=1.0):
  """Answers in pixels of the crops: the true joints, moved in the picture."""
  places = np.stack([people.keypoints(index)[:, :2] for index in range(len(people))]) + np.asarray(moves)
  crops = [_crops.moved(place, _crops.to_crop(box, SHAPE)) for place, box in zip(places, people.boxes)]
  return np.concatenate([np.stack(crops), np.broadcast_to(confidence, (len(people), len(people.annotations.joints.names)))[..., None]], 2)


def oks(people, answers, joints=JOINTS):
  evaluation = evaluated(people, np.arange(len(people)), answers, joints, SHAPE)
  return evaluation.ious[0, 1]


def scores(people, answers, examples=None, joints=JOINTS):
  return summary(evaluated(people, np.arange(len(people)) if examples is None else np.asarray(examples), answers, joints, SHAPE))


def test_oks_by_hand_joints_at_their_places_and_one_off_by_two_pixels():
  # COCO: OKS = mean over labelled joints of exp(-d^2 / (2 area k^2)), k = 2 sigma. Joint 0 (k = 0.1) is off by d = 2 of a person of
  # area 400: d^2 / (2 x 400 x 0.01) = 4 / 8 = 0.5. So OKS = (exp(-0.5) + 1 + 1) / 3 = (0.606531 + 2) / 3 = 0.868844.
  people = split([person()])
  assert oks(people, answered(people, [[2, 0], [0, 0], [0, 0]])) == pytest.approx(0.868844, abs=1e-6)


def test_oks_by_hand_a_joint_that_is_not_labelled_does_not_count():
  # Joint 1 is not labelled, however wrong its answer is; joint 2 (k = 0.4) is off by (3, 4), d = 5, of an area of 100:
  # 25 / (2 x 100 x 0.16) = 0.78125. OKS = (1 + exp(-0.78125)) / 2 = (1 + 0.457833) / 2 = 0.728916.
  people = split([person(visible=(2, 0, 1), area=100)])
  assert oks(people, answered(people, [[0, 0], [30, -9], [3, 4]])) == pytest.approx(0.728916, abs=1e-6)


def test_oks_by_hand_an_unknown_set_of_joints_has_the_default_tolerance():
  # All three joints are off by d = 3 of an area of 900, with k = 2 x 0.067 = 0.134: 9 / (2 x 900 x 0.017956) = 0.278458 for each.
  # OKS = exp(-0.278458) = 0.756950.
  joints = Joints(JOINTS.names, (DEFAULT_SIGMA,) * 3, None, ())
  people = split([person(area=900)], joints)
  assert oks(people, answered(people, [3, 0]), joints) == pytest.approx(0.756950, abs=1e-6)


def test_average_precision_is_the_share_of_thresholds_that_the_oks_passes():
  # OKS 0.868844 of the first case passes 0.5, 0.55, ..., 0.85: 8 of 10. The area, 400, is neither medium nor large.
  people = split([person()])
  found = scores(people, answered(people, [[2, 0], [0, 0], [0, 0]]))
  assert found == pytest.approx({'ap': 0.8, 'ap50': 1.0, 'ap75': 1.0, 'ar': 0.8})


def test_sizes_that_do_not_occur_are_left_out():
  for area, there, absent in ((32**2 + 1, 'ap_m', 'ap_l'), (96**2 + 1, 'ap_l', 'ap_m')):
    people = split([person(area=area)])
    found = scores(people, answered(people))
    assert found[there] == pytest.approx(1) and absent not in found


def test_the_first_annotation_can_be_found_too():
  """COCO's code reads an annotation of number 0 as 'not found'."""
  people = split([person(), person(50, picture=1)])
  assert people.annotations.person_ids[0] == 0 and scores(people, answered(people))['ar'] == pytest.approx(1)


def test_two_people_in_one_picture_are_told_apart_and_one_who_was_not_looked_for_is_missed():
  people = split([person(), person(50)])
  assert scores(people, answered(people))['ap'] == pytest.approx(1)
  assert scores(people, answered(people)[:1], [0])['ar'] == pytest.approx(0.5)


def test_confidence_and_the_boxs_score_rank_the_people():
  # One right, one wrong, of two people to be found. Right first: precision is 1 up to recall 0.5, 51 of COCO's 101 steps. Wrong first:
  # 1/2 up to there.
  people = split([person(), person(picture=1)])
  answers = answered(people, [[[0, 0]] * 3, [[60, 60]] * 3])
  answers[..., 2] = 0.9, 0.3, 0.3
  confident = [1.0, 0.8]
  for trust, expected in ((confident, 51 / 101), (confident[::-1], 51 / 101), ([0.5, 0.6], 51 / 202)):
    ranked = People(people.annotations, people.pictures, people.picture, people.boxes, np.asarray(trust), people.truth)
    mixed = answers.copy()
    mixed[0, :, 2] = 0.7 if trust == confident[::-1] else 0.5
    assert scores(ranked, mixed)['ap'] == pytest.approx(expected)


def test_a_picture_without_a_box_counts_as_missed_and_one_without_people_does_not():
  people = split([person(), person(picture=1)], pictures=3)
  keep = np.asarray([0])
  detected = People(people.annotations, people.pictures, people.picture[keep], people.boxes[keep], np.ones(1), people.truth[keep])
  assert scores(detected, answered(people)[:1])['ar'] == pytest.approx(0.5)


def test_crowds_and_people_without_labels_cost_nothing():
  people = split([person(), person(30, visible=(0, 0, 0)), person(50)], crowd=[False, False, True])
  assert len(people) == 1 and scores(people, answered(people))['ap'] == pytest.approx(1)


def test_coco_code_is_silent(capfd):
  people = split([person()])
  scores(people, answered(people))
  assert capfd.readouterr() == ('', '')


def test_pck_by_hand_with_a_torso():
  joints = Joints(('left_shoulder', 'right_shoulder', 'left_hip', 'right_hip', 'nose'), (0.1,) * 5, None, ())
  # Left shoulder to right hip: (30, 40), 50 long, so that 10 pixels are allowed.
  truth = np.asarray([[(0, 0, 1), (50, 0, 1), (10, 40, 1), (30, 40, 1), (90, 90, 0)]], np.float64)
  answers = truth + np.asarray([(0, 10, 0), (0, 10.1, 0), (6, 8, 0), (8, 8, 0), (0, 0, 0)])
  labelled, hits = correct(truth, answers, joints, SHAPE)
  assert labelled.tolist() == [[True, True, True, True, False]]
  assert hits.tolist() == [[True, False, True, False, False]]
  # Without the left shoulder it is right shoulder to left hip, (40, 40): 0.2 x 56.57 = 11.3.
  truth[0, 0, 2] = 0
  assert correct(truth, answers, joints, SHAPE)[1].tolist() == [[False, True, True, True, False]]


def test_pck_by_hand_without_a_torso():
  # A third of 64 / 1.25 is 17.07; a fifth of that 3.41.
  truth = np.asarray([[(30, 30, 1)] * 3], np.float64)
  answers = truth + np.asarray([(3.4, 0, 0), (0, -3.42, 0), (2, 2, 0)])
  assert correct(truth, answers, JOINTS, SHAPE)[1].tolist() == [[True, False, True]]


def heatmaps(joints, cells=16):
  """Heatmaps with a single 1, at the cell of each joint [batch, joints, 2]."""
  maps = np.zeros((len(joints), cells, cells, joints.shape[1]), np.float32)
  for index, places in enumerate(joints):
    for joint, (x, y) in enumerate(np.clip(places * cells / SHAPE[0], 0, cells - 1).astype(int)):
      maps[index, y, x, joint] = 1
  return maps


def targets(people, start=0):
  joints = answered(people)
  joints[..., 2] = np.stack([people.keypoints(index)[:, 2] > 0 for index in range(len(people))])
  return {'joints': joints.astype(np.float32), 'example': start + np.arange(len(people))}


def filled(people, outputs=None, start=0, splits=None):
  metrics = KeypointMetrics(JOINTS, SHAPE, splits or (people,))
  wanted = targets(people, start)
  metrics.update(wanted, heatmaps(wanted['joints'][..., :2]) if outputs is None else outputs)
  return metrics


def test_metrics_over_batches_are_those_over_all():
  people = split([person(area=2000), person(50, visible=(2, 0, 2), area=2000), person(picture=1, area=2000)])
  wanted = targets(people)
  metrics = KeypointMetrics(JOINTS, SHAPE, (people,))
  for rows in (slice(0, 1), slice(1, 3)):
    metrics.update({name: values[rows] for name, values in wanted.items()}, heatmaps(wanted['joints'][rows, :, :2]))
  assert metrics.result() == filled(people).result()
  assert set(metrics.result()) == {'ap', 'ap50', 'ap75', 'ap_m', 'ar', 'pck'}
  assert metrics.result()['ap50'] == pytest.approx(1) and metrics.result()['pck'] == 1
  assert metrics.per_class() == {name: {'count': count, 'pck': 1.0} for name, count in zip(JOINTS.names, (3, 2, 3))}


def test_examples_are_counted_on_through_the_splits():
  first, second = split([person(), person(50)]), split([person(picture=1), person(50, picture=0), person(picture=2)])
  assert filled(second, start=2, splits=(first, second)).result()['ap50'] == pytest.approx(1)
  # The same answers taken for other people: the first split has other pictures.
  metrics = filled(second, start=2, splits=(first, second))
  metrics.update(targets(first), heatmaps(targets(first)['joints'][..., :2]))
  with pytest.raises(TaskError, match=r'over one split\. Received: examples of two'):
    metrics.result()


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_a_network_that_diverged_scores_nothing_and_its_scores_are_numbers(value):
  people = split([person(area=area) for area in (400.0, 2000.0, 10000.0)])
  with warnings.catch_warnings():
    warnings.simplefilter('error')
    found = filled(people, np.full((3, 16, 16, 3), value, np.float32)).result()
  assert found == {'ap': 0, 'ap50': 0, 'ap75': 0, 'ap_m': 0, 'ap_l': 0, 'ar': 0, 'pck': 0}


def test_one_heatmap_without_numbers_costs_one_joint():
  people = split([person(visible=(2, 2, 2))])
  wanted = targets(people)
  outputs = heatmaps(wanted['joints'][..., :2])
  outputs[..., 0] = np.nan
  found = filled(people, outputs).result()
  assert found['pck'] == pytest.approx(2 / 3) and 0 < found['ar'] <= 0.4 and math.isfinite(found['ap'])


def test_without_a_labelled_joint_in_a_box_there_is_no_pck():
  people = split([person()])
  wanted = targets(people)
  wanted['joints'][..., 2] = 0
  metrics = KeypointMetrics(JOINTS, SHAPE, (people,))
  metrics.update(wanted, heatmaps(wanted['joints'][..., :2]))
  assert 'pck' not in metrics.result() and metrics.per_class()['nose'] == {'count': 0, 'pck': 0.0}


def test_scores_of_nothing_or_of_nobody_are_refused():
  people = split([person()])
  with pytest.raises(TaskError, match='at least one person'):
    KeypointMetrics(JOINTS, SHAPE, (people,)).result()
  nobody = split([person(), person(visible=(0, 0, 0), picture=1)])
  boxes = People(nobody.annotations, np.asarray([1]), np.asarray([1]), nobody.boxes, np.ones(1), np.asarray([-1]))
  with pytest.raises(TaskError, match=r'at least one person with labelled joints\. Received: none in people\.json'):
    filled(boxes, np.zeros((1, 16, 16, 3))).result()


def _several(pictures=12, seed=0):
  """(people, answers of all of them): two in every picture, the second of the last without joints, answers more and less off."""
  rng = np.random.default_rng(seed)
  people = [person(offset, area=area, picture=index) for index in range(pictures) for offset, area in ((0, 400.0), (30, 10000.0))]
  people[-1] = person(30, visible=(0, 0, 0), picture=pictures - 1)
  found = split(people)
  moves = rng.normal(0, 3, (len(found), 1, 1)) + np.zeros((1, 3, 2))
  return found, answered(found, moves, rng.uniform(0.2, 1, (len(found), 1)))


def test_drawing_every_picture_once_is_cocos_average_precision_and_drawing_it_twice_is_having_it_twice():
  people, answers = _several()
  evaluation = evaluated(people, np.arange(len(people)), answers, JOINTS, SHAPE)
  precision, pictures, count = precision_of_draws(evaluation)
  assert (pictures, count) == (12, len(answers))
  assert precision(np.ones(12, np.int64)) == pytest.approx(summary(evaluation)['ap'], abs=1e-12)
  times = np.asarray([3, 0, 1, 2, 0, 0, 1, 1, 1, 2, 0, 1])
  # COCO's own code over the pictures as they were drawn.
  drawn = np.repeat(np.arange(12), times)
  every = len(evaluation.params.areaRng)
  evaluation.evalImgs = [evaluation.evalImgs[area * 12 + index] for area in range(every) for index in drawn]
  evaluation._paramsEval.imgIds = evaluation.params.imgIds = list(range(len(drawn)))
  assert precision(times) == pytest.approx(summary(evaluation)['ap'], abs=1e-12)


def test_pictures_without_a_person_to_be_found_have_no_precision():
  people, answers = _several(2)
  precision, *_ = precision_of_draws(evaluated(people, np.arange(len(people)), answers, JOINTS, SHAPE))
  assert np.isnan(precision(np.zeros(2, np.int64))) and 0 <= precision(np.asarray([0, 2])) <= 1


def test_the_interval_of_average_precision_lies_around_it_and_is_drawn_by_one_seed():
  people, answers = _several(30)
  evaluation = evaluated(people, np.arange(len(people)), answers, JOINTS, SHAPE)
  low, high = drawn_interval(evaluation)
  assert low < summary(evaluation)['ap'] < high and (low, high) == drawn_interval(evaluation)
  assert high - low < 0.5

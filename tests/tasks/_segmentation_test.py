import numpy as np
import pytest
from sklearn.metrics import confusion_matrix
import tensorflow as tf

from st_tf.task import DataConfig, TaskError
from tasks import _segmentation
from tasks._masks import IGNORED, Arrays
from tasks._segmentation import SegmentationMetrics, SegmentationTask

LABELS = ('sky', 'road', 'tree')


def arrays(count, side=16, seed=0):
  rng = np.random.default_rng(seed)
  return Arrays(rng.integers(0, 256, (count, side, side, 3), np.uint8), rng.integers(-1, 3, (count, side, side)).astype(np.int32))


def task(splits=None, labels=LABELS, shape=(16, 16), **settings):
  return SegmentationTask('x', labels, splits or {'train': arrays(20), 'test': arrays(4, seed=1)}, DataConfig(**settings), shape=shape)


def logits_of(answers, count=3):
  return np.eye(count, dtype=np.float32)[answers]


def scores_by_sklearn(targets, answers, count):
  """Mean IoU, mean accuracy and accuracy from scikit-learn's confusion matrix."""
  counted = targets != IGNORED
  table = confusion_matrix(targets[counted], answers[counted], labels=range(count))
  right, truth, found = table.diagonal(), table.sum(1), table.sum(0)
  union = truth + found - right
  return {
    'miou': np.mean([r / u for r, u in zip(right, union) if u]),
    'macc': np.mean([r / t for r, t in zip(right, truth) if t]),
    'aacc': right.sum() / truth.sum(),
  }


@pytest.mark.parametrize('count', [3, 12])
def test_scores_equal_those_of_an_independent_computation_over_many_batches(count):
  rng, metrics = np.random.default_rng(count), SegmentationMetrics([str(index) for index in range(count)])
  targets, answers = rng.integers(-1, count - 1, (7, 9, 11)), rng.integers(0, count, (7, 9, 11))
  for part in range(0, 7, 2):
    metrics.update(targets[part : part + 2], logits_of(answers[part : part + 2], count))
  expected = scores_by_sklearn(targets, answers, count)
  assert metrics.result() == pytest.approx(expected, abs=1e-12)


def test_scores_by_hand():
  metrics = SegmentationMetrics(LABELS)
  metrics.update(np.asarray([[[0, 0, 1, IGNORED]]]), logits_of([[[0, 1, 1, 2]]]))
  # Class 0: one of two right, union 2. Class 1: one right, union 2. Class 2 is neither wanted nor (where it counts) answered.
  assert metrics.result() == {'miou': 0.5, 'macc': 0.75, 'aacc': pytest.approx(2 / 3)}
  assert metrics.per_class()['tree'] == {'count': 0, 'iou': 0.0}
  assert metrics.confusion() == {LABELS[0]: {LABELS[0]: 1, LABELS[1]: 1}, LABELS[1]: {LABELS[1]: 1}}


def test_answers_that_are_no_numbers_are_wrong():
  metrics = SegmentationMetrics(LABELS)
  metrics.update(np.zeros((1, 4, 4), int), np.full((1, 4, 4, 3), np.nan, np.float32))
  assert metrics.result()['aacc'] == 0


def test_scores_of_nothing_are_refused():
  with pytest.raises(TaskError, match=r'at least one pixel\. Received: none that counts'):
    SegmentationMetrics(LABELS).result()


def test_the_loss_is_the_mean_over_pixels_that_count():
  targets, outputs = np.asarray([[[0, IGNORED], [2, 1]]], np.int32), np.random.default_rng(0).normal(size=(1, 2, 2, 3)).astype(np.float32)
  shares = np.exp(outputs) / np.exp(outputs).sum(-1, keepdims=True)
  expected = -np.mean([np.log(shares[0, 0, 0, 0]), np.log(shares[0, 1, 0, 2]), np.log(shares[0, 1, 1, 1])])
  np.testing.assert_allclose(task().loss(targets, outputs), [expected], rtol=1e-5)
  other = outputs.copy()
  other[0, 0, 1] += 5
  np.testing.assert_allclose(task().loss(targets, other), [expected], rtol=1e-5, err_msg='an ignored pixel counts')
  np.testing.assert_array_equal(task().loss(np.full((1, 2, 2), IGNORED), outputs), [0])


def test_coarse_logits_are_enlarged_to_the_mask():
  targets = np.zeros((1, 8, 8), np.int32)
  targets[:, :, 4:] = 1
  outputs = 50 * logits_of([[[0, 0, 1, 1]] * 4])
  assert float(task().loss(targets, outputs)[0]) < 0.01
  metrics = SegmentationMetrics(LABELS)
  metrics.update(targets, outputs)
  assert metrics.result()['aacc'] == 1


def test_label_smoothing_and_class_weights_act():
  targets, outputs = np.asarray([[[0, 1]]], np.int32), np.zeros((1, 1, 2, 3), np.float32)
  outputs[..., 0] = 2
  of_0, of_1 = (float(task().loss(targets[:, :, [place]], outputs[:, :, [place]])[0]) for place in (0, 1))
  smooth = task().loss(targets[:, :, :1], outputs[:, :, :1], 0.3)
  np.testing.assert_allclose(smooth, [0.7 * of_0 + 0.1 * (of_0 + 2 * of_1)], rtol=1e-5)
  weighted = task(class_weights='3,1,1').loss(targets, outputs)
  np.testing.assert_allclose(weighted, [(3 * of_0 + of_1) / 4], rtol=1e-5)


def test_training_data_depends_on_seed_and_epoch_and_a_run_continues_inside_an_epoch():
  found = task()
  assert found.sizes == {'train': 18, 'validation': 2, 'test': 4}
  first = list(found.dataset('train', 4, training=True, seed=1, epoch=2).as_numpy_iterator())
  again = list(found.dataset('train', 4, training=True, seed=1, epoch=2, start_batch=2).as_numpy_iterator())
  other = next(found.dataset('train', 4, training=True, seed=1, epoch=3).as_numpy_iterator())
  assert len(first) == 4 and first[0][0].dtype == np.float32
  np.testing.assert_array_equal(first[2][0], again[0][0])
  np.testing.assert_array_equal(first[2][1], again[0][1])
  assert (first[0][0] != other[0]).any()


def test_scored_pictures_come_as_they_are():
  found = task()
  images, targets = next(found.dataset('test', 4).as_numpy_iterator())
  pixels = np.rint((images * found.deviation + found.mean) * 255).astype(np.uint8)
  np.testing.assert_array_equal(pixels, arrays(4, seed=1).pixels)
  np.testing.assert_array_equal(targets, arrays(4, seed=1).masks)


def test_without_a_test_split_the_validation_split_is_the_test():
  found = task({'train': arrays(20), 'validation': arrays(3, seed=5)})
  assert found.sizes == {'train': 18, 'validation': 2, 'test': 3}
  few = task({'train': arrays(20), 'validation': arrays(3, seed=5)}, train_examples=7)
  assert few.sizes == {'train': 7, 'validation': 2, 'test': 3}


def test_the_flip_test_makes_answers_symmetric():
  def infer(images):
    ramp = np.linspace(0, 1, images.shape[2])[None, None, :, None]
    return np.broadcast_to(ramp, (*images.shape[:3], 3))

  images = np.zeros((2, 4, 6, 3), np.float32)
  assert task().answers(infer, images)[0, 0, 0, 0] == 0
  np.testing.assert_allclose(task(flip_test=True).answers(infer, images), 0.5)


def test_a_sample_shows_image_truth_and_prediction():
  image, target = arrays(1).pixels[0], np.full((16, 16), 1, np.int32)
  target[0] = IGNORED
  found = task().sample(image, target, logits_of(np.ones((8, 8), int)))
  captions, pictures = zip(*found.pictures)
  assert captions == ('image', 'truth', 'prediction, 100% right')
  colours = _segmentation.palette(3)
  assert (pictures[1][1:] == colours[1]).all() and (pictures[1][0] == 0).all() and (pictures[2] == colours[1]).all()
  assert [label for label, _ in found.legend] == list(LABELS) and found.is_right is None


@pytest.mark.parametrize('count', [2, 19, 150])
def test_a_palette_has_as_many_different_colours(count):
  colours = _segmentation.palette(count)
  assert colours.dtype == np.uint8 and len({tuple(colour) for colour in colours.tolist()}) == count


def test_a_batch_without_a_pixel_that_counts_scores_0():
  assert task().batch_score(np.full((1, 2, 2), IGNORED), np.zeros((1, 2, 2, 3))) == 0
  assert task().batch_score(np.ones((1, 2, 2), int), logits_of(np.ones((1, 2, 2), int))) == 1


def test_a_batch_is_scored_where_its_outputs_are():
  targets = np.zeros((1, 6, 6), int)
  targets[0, 1, 1], targets[0, 4, 4], targets[0, 0, 0] = 1, IGNORED, 2  # The middles of the 2x2 places are at rows and columns 1 and 4.
  assert task().batch_score(targets, logits_of(np.zeros((1, 2, 2), int))) == pytest.approx(2 / 3)


def test_large_pictures_are_scored_in_several_windows():
  found = task(splits={'train': arrays(30, 16), 'validation': arrays(2, 40)}, shape=(16, 16))
  assert (found.sizes['validation'], found.scored('test')) == (found.sizes['validation'], 2 * 9)
  assert sum(len(images) for images, _ in found.dataset('test', 5)) == 2 * 9


def test_windows_may_overlap_and_each_pixel_counts_once_all_the_same():
  apart, overlapping = (
    task(splits={'train': arrays(30, 16), 'validation': arrays(2, 40)}, shape=(16, 16), window_overlap=each) for each in (0, 0.5)
  )
  assert overlapping.scored('test') == 2 * 16
  counted = [
    sum(int((targets != IGNORED).sum()) for _, targets in each.dataset('test', 5).as_numpy_iterator()) for each in (apart, overlapping)
  ]
  assert counted[0] == counted[1] > 0 and sum(len(images) for images, _ in overlapping.dataset('test', 5)) == 2 * 16


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'labels': ('a',)}, r"at least two classes\. Received: \['a'\] in x"),
    ({'splits': {'train': arrays(0)}}, r'Received: an empty train split in x'),
    ({'splits': {'train': arrays(1)}}, r'too few images in x for a test split'),
    ({'window_overlap': 1.0}, r'--window_overlap lies in \[0, 1\)\. Received: 1\.'),
    ({'mixup': 0.2}, r'--mixup means nothing to segmentation\. Received: --mixup=0.2'),
    ({'randaugment': True}, r'--randaugment means nothing to segmentation'),
    ({'detections': 'a.json'}, r'--detections means nothing to segmentation'),
    ({'class_weights': '1,2'}, r"--class_weights is 3 comma-separated numbers .* Received: '1,2'"),
    ({'class_weights': 'balanced'}, r"Received: 'balanced'"),
    ({'train_examples': 50}, r'--train_examples is at most the 18 training examples of x'),
  ],
)
def test_settings_that_fit_no_segmentation_are_refused(change, message):
  with pytest.raises(TaskError, match=message):
    task(**change)


@pytest.mark.parametrize('split', ['train', 'validation', 'test'])
def test_a_split_whose_truth_is_one_class_is_refused(split):
  splits = {name: arrays(6, seed=seed) for seed, name in enumerate(('train', 'validation', 'test'))}
  splits[split].masks[:] = 1
  message = rf"show at least two classes\. Received: 'road' alone in the {split} split of x, 6 pictures\. Add"
  with pytest.raises(TaskError, match=message):
    task(splits)


def test_unknown_splits_and_batches_are_refused():
  with pytest.raises(TaskError, match=r"A split is one of .* Received: 'all'"):
    task().dataset('all', 2)
  with pytest.raises(TaskError, match=r'A batch has at least one example'):
    task().dataset('train', 0)


def test_the_loss_has_a_gradient_through_the_enlargement():
  outputs = tf.Variable(np.zeros((1, 2, 2, 3), np.float32))
  with tf.GradientTape() as tape:
    loss = task().loss(np.zeros((1, 8, 8), np.int32), outputs)
  gradient = tape.gradient(loss, outputs).numpy()
  assert (gradient[..., 0] < 0).all() and (gradient[..., 1:] > 0).all()


def test_the_interval_of_the_mean_iou_is_that_of_drawn_pictures():
  rng, metrics = np.random.default_rng(3), SegmentationMetrics(LABELS)
  targets = rng.integers(-1, 3, (40, 6, 6))
  answers = np.where(rng.random(targets.shape) < 0.6, targets, rng.integers(0, 3, targets.shape)) % 3
  metrics.update(targets, logits_of(answers))
  low, high = metrics.interval(np.arange(40))
  assert low < metrics.result()['miou'] < high and (low, high) == metrics.interval(np.arange(40))
  # The same draws, scored from their pixels by another code.
  draws = np.random.default_rng(0)
  drawn = [draws.integers(0, 40, 40) for _ in range(1000)]
  scores = [scores_by_sklearn(targets[picked], answers[picked], 3)['miou'] for picked in drawn[::10]]
  assert np.mean([low <= score <= high for score in scores]) == pytest.approx(0.95, abs=0.05)
  assert np.quantile(scores, 0.5) == pytest.approx((low + high) / 2, abs=(high - low) / 8)


def test_windows_of_one_picture_are_drawn_together_and_few_pictures_say_nothing():
  metrics = SegmentationMetrics(LABELS)
  right, wrong = np.zeros((10, 2, 2), int), np.ones((10, 2, 2), int)
  targets = np.stack([right, wrong], 1).reshape(20, 2, 2)  # In turns: one of class 0, one of class 1, both answered by 0.
  metrics.update(targets, logits_of(np.zeros_like(targets)))
  # A picture with both is a quarter of IoU whichever are drawn: 0.5 of class 0, nothing of class 1.
  assert metrics.interval(np.repeat(np.arange(10), 2)) == (0.25, 0.25)
  low, high = metrics.interval(np.arange(20))
  assert low < 0.25 < high
  assert metrics.interval(np.repeat(np.arange(5), 4)) is None


def test_pictures_larger_than_a_window_have_all_their_windows():
  found = task({'train': arrays(20), 'test': arrays(4, side=24, seed=1)})
  assert found.pictures('test').tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4 and found.scored('test') == 16

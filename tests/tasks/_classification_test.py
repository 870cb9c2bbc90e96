import numpy as np
import pytest
import tensorflow as tf

from st_tf.task import DataConfig, Normalisation, TaskError
from tasks._classification import ClassificationMetrics, ClassificationTask
from tasks._images import ArrayImages
from tasks._splits import Examples

LABELS = ('cat', 'dog', 'eel')
UNIT = Normalisation((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def make(config=None, labels=LABELS, classes=None, **kwargs):
  """100 random pictures of 16x16, of which 50, 30 and 20 show the three classes."""
  classes = np.asarray([0, 1, 2, 0, 1, 0, 0, 1, 2, 0] * 10) if classes is None else np.asarray(classes)
  pixels = np.random.default_rng(0).integers(0, 256, (len(classes), 16, 16, 3)).astype(np.uint8)
  splits = {'train': Examples(ArrayImages(pixels, 'test'), classes)}
  return ClassificationTask('pets', labels, splits, config or DataConfig(), size=16, default_supernet='tiny', **kwargs)


def read(dataset):
  return [(images.numpy(), targets.numpy()) for images, targets in dataset]


def assert_equal(first, second):
  assert len(first) == len(second) > 0
  for (images, targets), (other_images, other_targets) in zip(first, second):
    np.testing.assert_array_equal(images, other_images)
    np.testing.assert_array_equal(targets, other_targets)


def test_a_task_says_what_a_method_must_know():
  task = make()
  assert (task.name, task.labels, task.image_size, task.primary_metric, task.default_supernet) == ('pets', LABELS, (16, 16), 'top1', 'tiny')
  assert (task.head.kind, task.head.outputs) == ('classification', 3)
  assert task.sizes == {'train': 80, 'validation': 10, 'test': 10}


def test_normalised_training_images_have_mean_0_and_deviation_1():
  task = make(DataConfig(train_examples=40))
  assert (task.mean, task.deviation) == (make().mean, make().deviation)
  images = np.concatenate([images for images, _ in read(make().dataset('train', 50))])
  np.testing.assert_allclose(images.mean((0, 1, 2)), 0, atol=1e-3)
  np.testing.assert_allclose(images.std((0, 1, 2)), 1, atol=1e-3)


def test_evaluation_is_complete_and_in_a_fixed_order():
  batches = read(make().dataset('train', 32))
  assert [images.shape for images, _ in batches] == [(32, 16, 16, 3), (32, 16, 16, 3), (16, 16, 16, 3)]
  assert sum(targets.sum(0) for _, targets in batches).tolist() == [40, 24, 16]
  assert all(images.dtype == targets.dtype == np.float32 for images, targets in batches)
  assert_equal(batches, read(make().dataset('train', 32, seed=5, epoch=3)))


@pytest.mark.parametrize('settings', [{}, {'randaugment': True}, {'mixup': 0.4}, {'randaugment': True, 'mixup': 0.4}])
def test_the_same_call_gives_the_same_training_batches_to_the_bit(settings):
  config = DataConfig(**settings)
  first = read(make(config).dataset('train', 32, training=True, seed=1, epoch=2))
  assert [images.shape for images, _ in first] == [(32, 16, 16, 3)] * 2
  assert_equal(first, read(make(config).dataset('train', 32, training=True, seed=1, epoch=2)))
  for seed, epoch in ((1, 3), (2, 2)):
    assert (first[0][0] != read(make(config).dataset('train', 32, training=True, seed=seed, epoch=epoch))[0][0]).any()


@pytest.mark.parametrize('settings', [{}, {'randaugment': True, 'mixup': 0.4}])
def test_starting_inside_an_epoch_is_skipping_batches(settings):
  task = make(DataConfig(**settings))
  whole = read(task.dataset('train', 16, training=True, seed=1, epoch=2))
  assert len(whole) == 5
  assert_equal(whole[3:], read(task.dataset('train', 16, training=True, seed=1, epoch=2, start_batch=3)))
  assert read(task.dataset('train', 16, training=True, seed=1, epoch=2, start_batch=5)) == []


def test_augmentation_belongs_to_the_example_and_not_to_its_place():
  """Another batch size puts an example elsewhere; it is still the same picture."""
  wide, narrow = (read(make().dataset('train', size, training=True)) for size in (80, 20))
  np.testing.assert_array_equal(wide[0][0], np.concatenate([images for images, _ in narrow]))


def test_every_example_is_seen_once_per_epoch():
  assert sum(targets.sum(0) for _, targets in read(make().dataset('train', 8, training=True))).tolist() == [40, 24, 16]


def test_mixed_targets_are_still_probabilities_and_evaluation_is_never_mixed():
  task = make(DataConfig(mixup=1.0))
  ((_, targets),) = read(task.dataset('train', 80, training=True))
  np.testing.assert_allclose(targets.sum(1), 1, rtol=1e-6)
  assert ((targets > 0) & (targets < 1)).any()
  ((_, targets),) = read(task.dataset('train', 80))
  assert set(np.unique(targets)) == {0, 1}


def test_the_loss_with_smoothing_by_hand():
  # Equal logits give log 3. For (log 2, 0, 0) the probabilities are 1/2, 1/4, 1/4.
  targets, outputs = tf.constant([[0.0, 1, 0], [1, 0, 0]]), tf.constant([[0.0, 0, 0], [np.log(2), 0, 0]])
  np.testing.assert_allclose(make().loss(targets, outputs), [np.log(3), np.log(2)], rtol=1e-6)
  # With 0.3, the true class has 0.8 and the others 0.1 each.
  smooth = 0.8 * np.log(2) + 0.2 * np.log(4)
  np.testing.assert_allclose(make().loss(targets, outputs, 0.3), [np.log(3), smooth], rtol=1e-6)


def test_class_weights_by_hand():
  targets, outputs = tf.eye(3), tf.zeros((3, 3))
  given = make(DataConfig(class_weights='1,2.5,0')).loss(targets, outputs)
  np.testing.assert_allclose(given / np.log(3), [1, 2.5, 0], rtol=1e-6)
  # 40, 24 and 16 of 80 training examples: 80 / (3 x 40) and so on; over the split the mean weight is 1.
  balanced = make(DataConfig(class_weights='balanced')).loss(targets, outputs) / np.log(3)
  np.testing.assert_allclose(balanced, [2 / 3, 10 / 9, 5 / 3], rtol=1e-6)
  mixed = make(DataConfig(class_weights='1,3,0')).loss(tf.constant([[0.5, 0.5, 0]]), tf.zeros((1, 3)))
  np.testing.assert_allclose(mixed / np.log(3), [2], rtol=1e-6)


@pytest.mark.parametrize('text', ['1,2', '1,2,3,4', 'even', '1,-1,1', '0,0,0', '1,nan,1', ','])
def test_class_weights_that_are_none_are_refused(text):
  with pytest.raises(TaskError, match=rf"'balanced' or 3 comma-separated numbers.* Received: '{text}'"):
    make(DataConfig(class_weights=text))


def test_scores_of_four_examples_by_hand():
  metrics = ClassificationMetrics([f'label{i}' for i in range(7)])
  outputs = np.zeros((4, 7))
  outputs[0, 2] = np.log(2)  # Right, probability 2/8.
  outputs[1, :5] = 1  # Truth 5 is in sixth place.
  outputs[2, :4] = 1  # Truth 4 is in fifth place: of the equal logits it is the first.
  outputs[3] = 0  # Truth 0 is the first of seven equal logits.
  truths = np.asarray([2, 5, 4, 0])
  metrics.update(np.eye(7)[truths[:3]], outputs[:3])
  metrics.update(np.eye(7)[truths[3:]], outputs[3:])
  losses = [np.log(4), np.log(5 * np.e + 2), np.log(4 * np.e + 3), np.log(7)]
  assert metrics.result() == pytest.approx({'top1': 0.5, 'top5': 0.75, 'loss': np.mean(losses)})
  assert metrics.per_class()['label2'] == {'count': 1, 'top1': 1.0}
  assert metrics.per_class()['label5'] == {'count': 1, 'top1': 0.0}
  assert metrics.per_class()['label6'] == {'count': 0, 'top1': 0.0}


def test_of_five_classes_nobody_asks_for_the_first_five():
  metrics = make().metrics()
  metrics.update(np.eye(3), -np.eye(3))
  assert set(metrics.result()) == {'top1', 'loss'}


def test_what_is_taken_for_what_is_counted_and_its_diagonal_is_what_is_right():
  metrics = ClassificationMetrics([*'abc'])
  metrics.update(np.eye(3)[[0, 0, 1]], np.asarray([[2.0, 1, 0], [0, 0, 1], [0, 0, 0]]))  # Of equal logits the first is the answer.
  metrics.update(np.eye(3)[[0, 2]], np.asarray([[0, 0, 1], [np.nan, 0, 0]]))  # What is no number is no answer.
  assert metrics.confusion() == {'a': {'a': 1, 'c': 2}, 'b': {'a': 1}}


def test_a_network_that_diverged_scores_nothing():
  metrics = make().metrics()
  metrics.update(np.eye(3), np.full((3, 3), np.nan))
  result = metrics.result()
  assert result['top1'] == 0 and not metrics.confusion()
  assert np.isnan(result['loss'])


def test_scores_of_nothing_are_refused():
  with pytest.raises(TaskError, match='at least one example'):
    make().metrics().result()


def test_given_statistics_are_used_as_they_are():
  task = make(statistics=UNIT)
  pixels = task._splits['test'].images.pixels
  ((images, _),) = read(task.dataset('test', 10))
  np.testing.assert_allclose(images, (pixels / 255 - 0.5) / 0.25, atol=1e-5)


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'labels': ['cat']}, r"at least two classes.* Received: \['cat'\] in pets"),
    ({'labels': ['cat', 'dog']}, r'Labels lie in \[0, 2\)\. Received: 2 at index 2 of the train split of pets'),
    ({'config': DataConfig(mixup=-0.1)}, r'--mixup is not negative\. Received: -0\.1'),
    ({'config': DataConfig(train_examples=81)}, r'at most the 80 training examples of pets'),
  ],
)
def test_bad_data_and_settings_are_refused(change, message):
  with pytest.raises(TaskError, match=message):
    make(**change)


def test_bad_calls_are_refused():
  with pytest.raises(TaskError, match=r"A split is one of train, validation, test\. Received: 'val'"):
    make().dataset('val', 8)
  with pytest.raises(TaskError, match=r'Received: 0, 0'):
    make().dataset('train', 0)


def test_it_is_said_where_splits_come_from_and_what_they_do_not_show():
  task = make(classes=[0, 1] * 50, notes=('first',))
  assert task.origins == dict.fromkeys(('validation', 'test'), 'a tenth of train drawn by data_seed')
  assert task.notes == (
    'first',
    'pets: drawn from train by data_seed, a tenth each: validation and test',
    'pets: train has no picture of eel, which cannot be learned',
    'pets: validation has no picture of eel, which is not scored there',
    'pets: test has no picture of eel, which is not scored there',
  )


def test_of_many_classes_without_a_picture_a_few_are_named():
  task = make(labels=[f'c{number}' for number in range(10)], classes=[0, 1] * 50)
  assert 'pets: test has no picture of c2, c3, c4, c5, c6 and 3 more, which is not scored there' in task.notes

import numpy as np
import pytest

from st_tf import task
from st_tf.errors import UserError
from st_tf.task import DataConfig, Sample, TaskError


@pytest.fixture
def few_pictures(monkeypatch):
  """Drawn tasks draw few."""
  for name in ('shapes', 'shapes_segmentation'):
    monkeypatch.setattr(f'tasks.{name}.SIZES', {'train': 60, 'validation': 20, 'test': 20})


def test_an_epoch_has_only_full_batches_and_at_least_one(few_pictures):
  shapes = task.load('shapes', DataConfig(train_examples=50))
  assert shapes.steps_per_epoch(16) == 3
  with pytest.raises(TaskError, match=r'batch_size=51 for 50 training examples of shapes'):
    shapes.steps_per_epoch(51)


def test_a_sample_is_right_when_its_first_guess_is_the_truth():
  pictures = (('', np.zeros((1, 1, 3), np.uint8)),)
  assert Sample(pictures, 'a', (('a', 0.6), ('b', 0.4))).is_right is True
  assert Sample(pictures, 'b', (('a', 0.6), ('b', 0.4))).is_right is False
  assert Sample(pictures, 'b').is_right is False
  assert Sample(pictures).is_right is None


class TwiceAsked(task.Task):
  """A task in which nothing is what the base class needs to be asked for."""

  primary_metric = 'right'
  labels = ('a',)

  def dataset(self, split, batch_size, **how):
    raise NotImplementedError

  def loss(self, targets, outputs, label_smoothing=0.0):
    raise NotImplementedError

  def metrics(self):
    return Right()

  def sample(self, image, target, output):
    raise NotImplementedError


class Right(task.Metrics):
  def __init__(self):
    self.rows = []

  def update(self, targets, outputs):
    self.rows += list(targets == outputs)

  def result(self):
    return {'right': float(np.mean(self.rows)), 'wrong': 1 - float(np.mean(self.rows))}

  def per_class(self):
    return {}


def test_a_batch_is_scored_by_the_primary_metric_or_by_the_one_for_training():
  found = TwiceAsked()
  assert found.batch_score(np.asarray([1, 2, 3, 4]), np.asarray([1, 2, 3, 0])) == 0.75
  found.training_metric = 'wrong'
  assert found.batch_score(np.asarray([1, 2, 3, 4]), np.asarray([1, 2, 3, 0])) == 0.25


def test_settings_that_mean_nothing_to_a_kind_of_task_are_refused(few_pictures):
  task.refuse(DataConfig(mixup=0.2), ('flip_test', 'detections'), 'a kind')
  with pytest.raises(TaskError, match=r'--flip_test means nothing to a kind\. Received: --flip_test=True\. Leave it out'):
    task.refuse(DataConfig(flip_test=True), ('detections', 'flip_test'), 'a kind')
  with pytest.raises(TaskError, match=r'--image_width means nothing to classification'):
    task.load('shapes', DataConfig(image_size=32, image_width=48))


def test_a_size_is_asked_for_by_one_setting_where_it_is_square():
  assert task.size_settings((32, 32)) == {'image_size': 32}
  assert task.size_settings((24, 32)) == {'image_size': 24, 'image_width': 32}


def test_tasks_found_by_name_hold_no_data_of_their_own(few_pictures):
  assert task.load('shapes_segmentation', DataConfig()).contents == ''


@pytest.mark.parametrize(
  ('settings', 'message'),
  [
    ({'randaugmet': True}, r'Settings of data are .* Received: randaugmet=True\. Did you mean randaugment\?'),
    ({'randaugment': 'yes'}, r"--randaugment is true or false\. Received: 'yes'"),
    ({'image_size': 8.5}, r'--image_size is a whole number\. Received: 8\.5'),
    ({'mixup': -1.0}, r'--mixup is not negative\. Received: -1\.0'),
    ({'class_weights': '1,2,3'}, r"--class_weights is 'balanced' or 2 .* Received: '1,2,3'"),
    ({'train_examples': 99}, r'--train_examples is at most the 16 training examples of own'),
  ],
)
def test_settings_of_ones_own_data_are_checked_as_flags_are(settings, message):
  data = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8), np.arange(20) % 2
  with pytest.raises(UserError, match=message):
    task.Task.from_datasets(data, **settings)


def test_settings_of_ones_own_data_are_heeded_and_become_those_of_a_run():
  data = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8), np.arange(20) % 2
  found = task.Task.from_datasets(data, image_size=16, train_examples=6, mixup=1)
  assert found.settings == {'image_size': 16, 'train_examples': 6, 'mixup': 1}
  assert found.image_size == (16, 16) and found.sizes == {'train': 6, 'validation': 2, 'test': 2}

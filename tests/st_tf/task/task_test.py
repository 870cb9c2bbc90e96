import sys

import numpy as np
import pytest

from st_tf import task
from st_tf.task import DataConfig, Sample, TaskError

OWN_TASK = """
from tasks import shapes

def load(argument, config):
  assert argument == ''
  found = shapes.load('', config)
  found.name = 'mine'
  return found
"""


def test_the_known_tasks_are_those_of_the_project_and_shared_modules_are_none():
  assert task.known() == sorted(task.known()[:-1]) + ['module:']
  assert {'shapes', 'cifar10', 'cifar100', 'folder:', 'tfds:'} <= set(task.known())
  assert not [name for name in task.known() if name.startswith('_')]


def test_probabilities_are_a_softmax():
  found = task.most_likely(np.log([1.0, 6.0, 3.0]), ['a', 'b', 'c'], 2)
  assert [label for label, _ in found] == ['b', 'c']
  np.testing.assert_allclose([share for _, share in found], [0.6, 0.3])


def test_large_logits_do_not_overflow():
  assert task.most_likely(np.float32([1e4, 0]), ['a', 'b'], 1) == [('a', 1.0)]


@pytest.mark.parametrize(
  ('name', 'message'),
  [
    ('cifar1000', r"A task is one of .*shapes.* Received: 'cifar1000'\. Did you mean cifar100\?"),
    ('_images', r"A task is one of .* Received: '_images'"),
    ('', r'A task is one of'),
    ('shapes:5', r"This task is written shapes\. Received: 'shapes:5'"),
    ('folder', r"This task is written folder:ARGUMENT\. Received: 'folder'"),
    ('module:', r"names an importable Python module\. Received: ''"),
    ('module:./task.py', r'Write it with dots'),
    ('module:no_such_module_anywhere', r"Received: 'no_such_module_anywhere' .*PYTHONPATH"),
    ('module:st_tf.arch.specs', r'A task module defines load\(argument, config\)'),
  ],
)
def test_a_name_that_is_no_task_is_refused_with_the_way_out(name, message):
  with pytest.raises(TaskError, match=message):
    task.load(name, DataConfig())


def test_a_task_from_outside_the_project_is_found_by_its_module_path(tmp_path, monkeypatch):
  package = tmp_path / 'outside_package'
  package.mkdir()
  (package / '__init__.py').write_text('')
  (package / 'mine.py').write_text(OWN_TASK)
  monkeypatch.syspath_prepend(tmp_path)
  assert task.load('module:outside_package.mine', DataConfig(train_examples=20)).name == 'mine'
  with pytest.raises(TaskError, match=r'outside_package\.other'):
    task.load('module:outside_package.other', DataConfig())
  del sys.modules['outside_package.mine'], sys.modules['outside_package']


def test_a_missing_import_inside_a_users_task_is_not_taken_for_a_missing_task(tmp_path, monkeypatch):
  (tmp_path / 'needs_more.py').write_text('import a_package_that_is_not_there')
  monkeypatch.syspath_prepend(tmp_path)
  with pytest.raises(ModuleNotFoundError, match='a_package_that_is_not_there'):
    task.load('module:needs_more', DataConfig())


def test_an_epoch_has_only_full_batches_and_at_least_one():
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


def test_settings_that_mean_nothing_to_a_kind_of_task_are_refused():
  task.refuse(DataConfig(mixup=0.2), ('flip_test', 'detections'), 'a kind')
  with pytest.raises(TaskError, match=r'--flip_test means nothing to a kind\. Received: --flip_test=True\. Leave it out'):
    task.refuse(DataConfig(flip_test=True), ('detections', 'flip_test'), 'a kind')
  with pytest.raises(TaskError, match=r'--image_width means nothing to classification'):
    task.load('shapes', DataConfig(image_size=32, image_width=48))


def test_a_size_is_asked_for_by_one_setting_where_it_is_square():
  assert task.size_settings((32, 32)) == {'image_size': 32}
  assert task.size_settings((24, 32)) == {'image_size': 24, 'image_width': 32}

import numpy as np
import pytest

from st_tf.task import DataConfig, Task, confidence, load
from st_tf.task.baselines import Baselines
from tests import tiny


def _classes(labels: list[int]) -> Task:
  """Pictures whose class is their brightness."""
  images = np.stack([np.full((8, 8, 3), 40 + 80 * label, np.uint8) for label in labels])
  return Task.from_datasets((images, np.asarray(labels)), (images, np.asarray(labels)), labels=['dark', 'grey', 'light'], data_seed=1)


def test_what_a_classifier_has_to_beat():
  simple = Baselines(_classes([0] * 10 + [1] * 4 + [2] * 2))
  assert simple.scores('test') == {'chance': pytest.approx(1 / 3), 'most frequent class': 10 / 16, 'linear model': 1.0}
  wilson = {name: confidence.interval('top1', score, 16) for name, score in simple.scores('test').items() if name != 'chance'}
  assert simple.intervals('test') == wilson and wilson['linear model'] == pytest.approx((0.806, 1), abs=1e-3)


@pytest.mark.parametrize(('kept', 'score'), [([0, 2], 1.0), ([1], None)])
def test_classes_that_the_training_does_not_show(monkeypatch, kept, score):
  task = tiny.task()
  labels = task._splits['train'].labels
  monkeypatch.setitem(task._splits, 'train', task._splits['train'].take(np.flatnonzero(np.isin(labels, kept))))
  task.sizes = task.sizes | {'train': int(np.isin(labels, kept).sum())}
  scores = Baselines(task).scores('test')
  assert scores['most frequent class'] == pytest.approx(1 / 3)
  assert scores.get('linear model') == (score and pytest.approx(2 / 3))


def test_what_a_segmentation_has_to_beat():
  images = np.zeros((12, 16, 16, 3), np.uint8)
  masks = np.zeros((12, 16, 16), np.int32)
  images[:, :, :4], masks[:, :, :4] = 250, 1
  task = Task.from_datasets((images, masks), (images, masks), labels=['wall', 'door'])
  simple = Baselines(task)
  scores = simple.scores('test')
  # Twelve pictures alike, of which every drawing is alike too.
  assert simple.intervals('test')['most frequent class'] == pytest.approx((0.75 / 2,) * 2)
  assert scores['most frequent class'] == pytest.approx(0.75 / 2) and 0.8 < scores['linear model'] <= 1 and len(scores) == 2


def test_what_keypoints_have_to_beat():
  rng = np.random.default_rng(0)
  places = rng.uniform(8, 56, (40, 2))
  images = np.zeros((40, 64, 64, 3), np.uint8)
  for image, (x, y) in zip(images, places.astype(int)):
    image[y - 4 : y + 4, x - 4 : x + 4] = 255
  joints = np.concatenate([places, np.full((40, 1), 2.0)], 1)[:, None]
  task = Task.from_datasets((images, joints), (images, joints), labels=['spot'])
  simple = Baselines(task)
  scores, (low, high) = simple.scores('test'), simple.intervals('test')['linear model']
  assert set(scores) == {'mean pose', 'linear model'} and scores['linear model'] > scores['mean pose'] >= 0
  assert low <= scores['linear model'] <= high and low < high


def test_of_a_split_that_would_take_long_to_read_only_chance_is_known(monkeypatch):
  monkeypatch.setattr('st_tf.task.baselines._SCORED', 20)
  simple = Baselines(tiny.task())
  assert simple.scores('test') == {'chance': pytest.approx(1 / 3)} and simple.intervals('test') == {}


def test_of_many_training_pictures_some_are_learned_from(monkeypatch):
  monkeypatch.setattr('st_tf.task.baselines._LEARNED', 64)
  assert Baselines(tiny.task()).scores('test')['linear model'] > 0.9


def test_targets_that_are_a_tasks_own_have_no_baselines(monkeypatch):
  task = load('module:tests.tiny', DataConfig())
  task.semantics = {'kind': 'segmentation'}
  assert Baselines(task).scores('test') == {} == Baselines(task).intervals('test')
  whole = task.dataset
  monkeypatch.setattr(
    task, 'dataset', lambda *given, **named: whole(*given, **named).map(lambda images, targets: (images, (targets, targets)))
  )
  assert Baselines(task).scores('test') == {}


def test_chance_is_known_of_a_share_of_right_answers_only():
  task = tiny.task()
  task.primary_metric = 'loss'
  assert set(Baselines(task).scores('test')) == {'most frequent class', 'linear model'}

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from st_tf import train
from st_tf.arch.presets import PRESETS
from st_tf.task import SPLITS, DataConfig, TaskError, load
from st_tf.ticket import Ticket
from tasks import shapes as module


def pixels(task, split):
  return np.concatenate([images.numpy() for images, _ in task.dataset(split, 500)])


def classes(task, split):
  return np.concatenate([targets.numpy().argmax(1) for _, targets in task.dataset(split, 500)])


@pytest.fixture(scope='module')
def shapes():
  return load('shapes', DataConfig())


@pytest.fixture
def few(monkeypatch):
  monkeypatch.setattr(module, 'SIZES', {'train': 40, 'validation': 20, 'test': 20})


def test_shapes_are_ten_classes_in_three_splits_of_equal_shares(shapes):
  assert shapes.sizes == {'train': 6000, 'validation': 500, 'test': 1000}
  assert len(shapes.labels) == shapes.head.outputs == 10
  assert shapes.image_size == (32, 32) and shapes.default_supernet == 'tiny'
  for split in SPLITS:
    assert set(np.bincount(classes(shapes, split))) == {shapes.sizes[split] // 10}


def test_no_picture_is_in_two_splits_or_twice_in_one(shapes):
  everything = np.concatenate([pixels(shapes, split) for split in SPLITS])
  assert len({picture.tobytes() for picture in everything}) == 7500


def test_the_data_seed_decides_the_pictures(few):
  first, second, other = (load('shapes', DataConfig(data_seed=seed)) for seed in (3, 3, 4))
  np.testing.assert_array_equal(pixels(first, 'test'), pixels(second, 'test'))
  assert (pixels(first, 'test') != pixels(other, 'test')).any()


def test_a_linear_model_stays_under_40_percent(shapes):
  # Regularised and stopped early: a free one learns the training pictures by heart and does worse on others.
  with warnings.catch_warnings():
    warnings.simplefilter('ignore', ConvergenceWarning)
    model = LogisticRegression(C=1e-3, max_iter=15).fit(pixels(shapes, 'train').reshape(6000, -1), classes(shapes, 'train'))
  score = model.score(pixels(shapes, 'test').reshape(1000, -1), classes(shapes, 'test'))
  assert 0.12 < score < 0.4


@pytest.mark.slow
@pytest.mark.long
def test_the_dense_tiny_supernet_lands_between_70_and_95_percent(tmp_path):
  train.main(['train', '--task=shapes', '--method=dense', f'--workdir={tmp_path / "run"}'])
  ticket = Ticket.load(tmp_path / 'run' / 'tickets' / 'sparsity_0')
  assert ticket.supernet == PRESETS['tiny'] and 0.7 < ticket.metrics['test']['top1'] < 0.95, ticket.metrics['test']


@pytest.mark.parametrize('size', [31, 225])
def test_sizes_that_shapes_are_not_drawn_at_are_refused(size):
  with pytest.raises(TaskError, match=rf'Shapes are drawn at 32 to 224 pixels\. Received: --image_size={size}'):
    load('shapes', DataConfig(image_size=size))


def test_the_image_size_is_honoured(few):
  images, _ = next(iter(load('shapes', DataConfig(image_size=48)).dataset('test', 4)))
  assert images.shape == (4, 48, 48, 3)


def test_large_pictures_are_drawn_when_they_are_asked_for_and_are_the_same(few, monkeypatch):
  kept = load('shapes', DataConfig(train_examples=30))
  monkeypatch.setattr(module, '_IN_MEMORY', 0)
  monkeypatch.setattr(module, '_SAMPLED', 1)
  asked = load('shapes', DataConfig(train_examples=30))
  drawn = asked._splits['train'].images.pixels
  assert isinstance(drawn, module.Drawn) and drawn.shape == (30, 32, 32, 3)
  np.testing.assert_array_equal(np.asarray(drawn), kept._splits['train'].images.pixels)
  for split in SPLITS:
    np.testing.assert_array_equal(pixels(asked, split), pixels(kept, split))
    np.testing.assert_array_equal(classes(asked, split), classes(kept, split))
  for (first, _), (second, _) in zip(kept.dataset('train', 10, training=True), asked.dataset('train', 10, training=True)):
    np.testing.assert_array_equal(first, second)
  assert (asked.mean, asked.deviation) == (kept.mean, kept.deviation)


def test_at_224_pixels_only_a_sample_is_drawn_before_the_first_batch(monkeypatch):
  drawn, draw = [], module._drawing.draw
  monkeypatch.setattr(module._drawing, 'draw', lambda *given: drawn.append(given) or draw(*given))
  monkeypatch.setattr(module, 'SIZES', {'train': 2000, 'validation': 20, 'test': 20})
  load('shapes', DataConfig(image_size=224))
  assert [len(drawn), len({kind for kind, *_ in drawn})] == [182 + 20 + 20, 10]

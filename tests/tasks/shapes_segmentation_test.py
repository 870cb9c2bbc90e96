import numpy as np
import pytest

from st_tf.task import DataConfig, TaskError, load
from tasks import _drawing
from tasks import shapes_segmentation as module


@pytest.fixture
def few(monkeypatch):
  monkeypatch.setattr(module, 'SIZES', {'train': 20, 'validation': 10, 'test': 10})


def test_every_shape_has_its_class_and_the_rest_is_background(few):
  task = load('shapes_segmentation', DataConfig())
  assert task.labels == ('background', *_drawing.KINDS) and task.image_size == (64, 64)
  _, targets = next(task.dataset('test', 10).as_numpy_iterator())
  assert [sorted(np.unique(target)) for target in targets] == [[0, kind + 1] for kind in range(10)]


def test_the_data_seed_decides_the_pictures(few):
  tasks = (load('shapes_segmentation', DataConfig(data_seed=seed)) for seed in (3, 3, 4))
  first, second, other = (next(task.dataset('test', 10).as_numpy_iterator()) for task in tasks)
  np.testing.assert_array_equal(first[1], second[1])
  assert (first[0] != other[0]).any()


def test_sizes_that_shapes_are_not_drawn_at_are_refused():
  with pytest.raises(TaskError, match=r'Shapes are drawn at 32 to 224 pixels\. Received: --image_size=300'):
    load('shapes_segmentation', DataConfig(image_size=300))

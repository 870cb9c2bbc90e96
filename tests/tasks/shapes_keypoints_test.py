import numpy as np
import pytest
import tensorflow as tf

from st_tf.task import DataConfig, TaskError, load
from tasks import _heatmaps
from tasks import shapes_keypoints as module
from tasks._drawing import Drawing


@pytest.fixture(autouse=True)
def few(monkeypatch):
  monkeypatch.setattr(module, 'SIZES', {'train': 40, 'validation': 20, 'test': 30})


def batch(task, split, **kwargs):
  return next(task.dataset(split, 20, **kwargs).as_numpy_iterator())


def test_shapes_have_three_points_in_three_splits():
  task = load('shapes_keypoints', DataConfig())
  assert task.sizes == {'train': 40, 'validation': 20, 'test': 30}
  assert (task.labels, task.image_size, task.default_supernet) == (('centre', 'top', 'right'), (64, 64), 'tiny_dense')
  images, targets = batch(task, 'test')
  assert images.shape == (20, 64, 64, 3) and targets['joints'].shape == (20, 3, 3)


def test_the_data_seed_decides_the_pictures_and_no_two_splits_are_alike():
  first, second, other = (load('shapes_keypoints', DataConfig(data_seed=seed)) for seed in (3, 3, 4))
  np.testing.assert_array_equal(batch(first, 'test')[0], batch(second, 'test')[0])
  assert (batch(first, 'test')[0] != batch(other, 'test')[0]).any()
  assert (batch(first, 'test')[0] != batch(first, 'train')[0]).any()


def test_points_stay_where_their_names_say_also_in_training():
  """Above the centre and right of it, at most 36 degrees askew: a mirror or a larger turn would show."""
  task = load('shapes_keypoints', DataConfig())
  for epoch in range(3):
    _, targets = batch(task, 'train', training=True, epoch=epoch)
    centre, top, right = np.moveaxis(targets['joints'][..., :2], 1, 0)
    assert (top[:, 1] < centre[:, 1]).all() and (right[:, 0] > centre[:, 0]).all()


def test_a_box_is_what_the_mask_covers_and_where_the_points_are():
  mask = np.zeros((10, 10), bool)
  mask[2:5, 3] = mask[4, 3:9] = True
  image = np.zeros((10, 10, 3), np.uint8)
  assert module._box(Drawing(image, mask, np.full((3, 2), 4.0))).tolist() == [3, 2, 6, 3]
  assert module._box(Drawing(image, mask, np.asarray([(4, 4), (4, 0.5), (9.5, 4)]))).tolist() == [3, 0.5, 6.5, 4.5]


def test_true_heatmaps_score_nearly_one():
  task = load('shapes_keypoints', DataConfig())
  metrics = task.metrics()
  for _, targets in task.dataset('test', 8).as_numpy_iterator():
    maps, _ = _heatmaps.gaussians(tf.constant(targets['joints']), tf.constant(16), tf.constant(16), (64, 64))
    metrics.update(targets, maps.numpy())
  assert metrics.result()['ap'] > 0.95 and metrics.result()['pck'] > 0.95
  assert metrics.per_class()['top']['count'] == 30


@pytest.mark.parametrize(('size', 'width'), [(31, 0), (225, 0), (64, 48)])
def test_sizes_that_shapes_are_not_drawn_at_are_refused(size, width):
  with pytest.raises(TaskError, match=rf'squares of 32 to 224 pixels\. Received: {size}x{width or size}'):
    load('shapes_keypoints', DataConfig(image_size=size, image_width=width))


def test_the_image_size_is_honoured():
  assert batch(load('shapes_keypoints', DataConfig(image_size=48)), 'test')[0].shape == (20, 48, 48, 3)


def test_detections_and_the_flip_test_are_refused():
  with pytest.raises(TaskError, match=r'Shapes have no file of annotations.* Received: boxes\.json'):
    load('shapes_keypoints', DataConfig(detections='boxes.json'))
  with pytest.raises(TaskError, match=r'which joints change places'):
    load('shapes_keypoints', DataConfig(flip_test=True))

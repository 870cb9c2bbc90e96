import numpy as np
import pytest

from st_tf.task import SPLITS, DataConfig, TaskError
from tasks import _datasets_build
from tasks._datasets_build import Data, build
from tasks._joints import Joints


def pictures(*sizes):
  """An image for each (height, width), an array where they are one."""
  found = [np.random.default_rng(index).integers(0, 256, (*size, 3), dtype=np.uint8) for index, size in enumerate(sizes)]
  if len(set(sizes)) == 1:
    return np.stack(found)
  objects = np.empty(len(found), object)
  objects[:] = found
  return objects


def data(images, kind='classification'):
  """Those images in each split, with targets of that kind."""
  targets = {
    'classification': np.arange(len(images)) % 2,
    'segmentation': np.asarray([np.indices(image.shape[:2]).sum(0).astype(np.int32) % 2 for image in images] + [None], object)[:-1],
    'keypoints': np.full((len(images), 1, 3), 2.0),
  }[kind]
  joints = Joints(('centre',), (0.1,), None, ()) if kind == 'keypoints' else None
  labels = ('centre',) if joints else ('a', 'b')
  return Data('own', kind, labels, dict.fromkeys(SPLITS, images), dict.fromkeys(SPLITS, targets), joints)


def seen(task):
  images, _ = next(task.dataset('test', 8).as_numpy_iterator())
  return np.rint((images * task.deviation + task.mean) * 255)


def test_small_squares_are_read_as_they_are():
  images = pictures(*[(20, 20)] * 4)
  task = build(data(images), DataConfig())
  assert (task.image_size, task.default_supernet, task.keep) == ((20, 20), 'cifar', 1.0)
  assert task.mean != (0.485, 0.456, 0.406)
  np.testing.assert_array_equal(seen(task), images)


def test_small_squares_may_be_resized():
  task = build(data(pictures(*[(20, 20)] * 4)), DataConfig(image_size=32))
  assert task.image_size == (32, 32) and seen(task).shape == (4, 32, 32, 3)


def test_larger_or_different_images_are_shown_in_crops():
  large = build(data(pictures(*[(80, 80)] * 4)), DataConfig())
  assert (large.image_size, large.default_supernet, large.keep) == ((80, 80), 'mobile', 1.0)
  task = build(data(pictures((20, 30), (30, 20))), DataConfig(image_size=16))
  assert task.image_size == (16, 16) and task.mean == (0.485, 0.456, 0.406)
  assert next(task.dataset('train', 2, training=True).as_numpy_iterator())[0].shape == (2, 16, 16, 3)


def test_what_is_kept_of_an_image_is_the_image():
  from st_tf.task.pictures import open_rgb

  image = pictures((20, 31))[0]
  np.testing.assert_array_equal(np.asarray(open_rgb(_datasets_build._encoded(image), 'own')), image)


@pytest.mark.parametrize('kind', ['segmentation', 'keypoints'])
def test_maps_are_of_the_shape_of_their_images_or_as_said(kind):
  images = pictures(*[(20, 30)] * 3)
  task = build(data(images, kind), DataConfig())
  assert task.image_size == (20, 30)
  np.testing.assert_array_equal(seen(task), images)
  assert build(data(images, kind), DataConfig(image_size=16)).image_size == (16, 16)
  assert build(data(pictures((20, 30), (30, 20)), kind), DataConfig(image_size=16, image_width=24)).image_size == (16, 24)


@pytest.mark.parametrize(
  ('images', 'kind', 'message'),
  [
    (
      pictures((20, 30), (20, 30)),
      'classification',
      r'Squares of one size, 8 to 512 pixels, .* Received: 30x20 in own\. Write .*image_size=',
    ),
    (pictures((7, 7)), 'classification', r'Squares of one size, 8 to 512 pixels, .* Received: 7x7 in own'),
    (pictures((20, 20), (24, 24)), 'segmentation', r'Images of one size, 16 to 512 .* Received: 20x20, 24x24 in own'),
    (pictures((15, 20)), 'keypoints', r'Images of one size, 16 to 512 .* Received: 20x15 in own'),
    (pictures((20, 513)), 'keypoints', r'Received: 513x20 in own'),
    (pictures((20, 20), (21, 20), (22, 20), (23, 20)), 'keypoints', r'Received: 20x20, 20x21, 20x22, \.\.\. in own'),
  ],
)
def test_other_images_need_a_size(images, kind, message):
  with pytest.raises(TaskError, match=message):
    build(data(images, kind), DataConfig())


def test_a_width_alone_is_refused_as_everywhere():
  with pytest.raises(TaskError, match='--image_width goes with --image_size'):
    build(data(pictures((20, 20), (24, 24)), 'segmentation'), DataConfig(image_width=16))

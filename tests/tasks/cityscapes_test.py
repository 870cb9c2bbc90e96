import numpy as np
from PIL import Image
import pytest

from st_tf.task import DataConfig, TaskError, load
from tasks import cityscapes
from tasks._masks import IGNORED

# cityscapesScripts, helpers/labels.py: train id of every id from 0 on; 255 is never scored.
PUBLISHED = [
  *(255, 255, 255, 255, 255, 255, 255, 0, 1, 255, 255, 2, 3, 4, 255, 255, 255),
  *(5, 255, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255, 255, 16, 17, 18),
]


def fill(root, size=(16, 32)):
  for folder, cities in (('train', {'aachen': 11, 'bonn': 2}), ('val', {'ulm': 2})):
    for city, count in cities.items():
      for kind in ('leftImg8bit', 'gtFine'):
        (root / kind / folder / city).mkdir(parents=True)
      for index in range(count):
        name = f'{city}_{index:06}_000019'
        Image.new('RGB', size[::-1]).save(root / 'leftImg8bit' / folder / city / f'{name}_leftImg8bit.png')
        numbers = np.arange(size[0] * size[1]).reshape(size) % 34
        Image.fromarray(numbers.astype(np.uint8)).save(root / 'gtFine' / folder / city / f'{name}_gtFine_labelIds.png')
  return root


def test_the_mapping_is_the_published_one():
  expected = [IGNORED if number == 255 else number for number in PUBLISHED]
  assert len(PUBLISHED) == 34 and cityscapes.mapping().tolist() == expected


def test_names_stand_in_the_order_of_the_train_ids():
  names = [name for _, name in cityscapes.CLASSES]
  assert len(names) == 19 and (names[0], names[10], names[11], names[18]) == ('road', 'sky', 'person', 'bicycle')


def test_cities_are_read_and_validation_is_the_test(tmp_path):
  task = load('cityscapes', DataConfig(data_dir=str(fill(tmp_path)), image_size=16, image_width=32))
  assert task.sizes == {'train': 12, 'validation': 1, 'test': 2} and task.head.outputs == 19
  _, targets = next(task.dataset('test', 2).as_numpy_iterator())
  np.testing.assert_array_equal(targets[1], cityscapes.mapping()[np.arange(512).reshape(16, 32) % 34])


def test_windows_are_half_a_picture_without_flags(tmp_path):
  assert load('cityscapes', DataConfig(data_dir=str(fill(tmp_path)))).image_size == (512, 1024)


def test_bad_folders_are_named(tmp_path):
  with pytest.raises(TaskError, match=r'a folder with leftImg8bit/ and gtFine/\. Received: --data_dir= without'):
    load('cityscapes', DataConfig())
  root = fill(tmp_path)
  missing = root / 'gtFine/train/bonn/bonn_000001_000019_gtFine_labelIds.png'
  missing.unlink()
  with pytest.raises(TaskError, match=r'Every image has a mask\. Received: .*bonn_000001.* without .*labelIds\.png'):
    load('cityscapes', DataConfig(data_dir=str(root)))
  Image.new('L', (32, 16), 40).save(missing)
  with pytest.raises(TaskError, match=r'labelIds, 0 to 33\. Received: 40 in .*bonn_000001'):
    load('cityscapes', DataConfig(data_dir=str(root)))


def test_a_mask_without_its_picture_is_named(tmp_path):
  root = fill(tmp_path)
  (root / 'leftImg8bit/val/ulm/ulm_000001_000019_leftImg8bit.png').unlink()
  with pytest.raises(
    TaskError,
    match=r'Every mask has an image\. Received: .*gtFine/val/ulm/ulm_000001.*labelIds\.png without .*ulm_000001_000019_leftImg8bit\.png',
  ):
    load('cityscapes', DataConfig(data_dir=str(root)))

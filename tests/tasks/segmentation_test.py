import numpy as np
import pytest

from st_tf.task import DataConfig, TaskError, load
from tests.tasks._mask_folder_test import fill


def test_a_relative_folder_counts_from_the_data_folder(tmp_path):
  fill(tmp_path / 'scenes')
  task = load('segmentation:scenes', DataConfig(data_dir=str(tmp_path)))
  assert task.name == 'segmentation:scenes' and task.head.outputs == 3


def test_a_missing_folder_is_refused(tmp_path):
  with pytest.raises(TaskError, match=r'names a folder that exists\. Received: .*nowhere'):
    load(f'segmentation:{tmp_path / "nowhere"}', DataConfig())


def test_camvid_is_read_as_a_whole(data_dir):
  folder = data_dir / 'camvid'
  if not folder.is_dir():
    pytest.skip(f'no {folder}')
  task = load(f'segmentation:{folder}', DataConfig())
  assert task.sizes == {'train': 330, 'validation': 37, 'test': 101} and task.image_size == (240, 320) and len(task.labels) == 11
  targets = np.concatenate([targets for _, targets in task.dataset('test', 16).as_numpy_iterator()])
  assert len(targets) == 101 and set(np.unique(targets)) == set(range(-1, 11))

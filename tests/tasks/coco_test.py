import pytest

from st_tf.task import DataConfig, TaskError, load
from tests.tasks._coco_test import fill
from tests.tasks._joints_test import COCO_NAMES


def test_the_folder_as_it_comes_is_a_task_with_the_paper_s_crops(tmp_path):
  task = load('coco', DataConfig(data_dir=str(fill(tmp_path, names=COCO_NAMES, per_image=1))))
  assert (task.name, task.labels, task.image_size) == ('coco', COCO_NAMES, (256, 192))
  assert task.sizes == {'train': 18, 'validation': 2, 'test': 4}
  images, targets = next(task.dataset('train', 2, training=True).as_numpy_iterator())
  assert images.shape == (2, 256, 192, 3) and targets['joints'].shape == (2, 17, 3)


def test_the_flags_set_the_size(tmp_path):
  fill(tmp_path, names=COCO_NAMES, per_image=1)
  assert load('coco', DataConfig(data_dir=str(tmp_path), image_size=128, image_width=96)).image_size == (128, 96)


def test_without_a_folder_the_way_out_is_named():
  with pytest.raises(TaskError, match=r'--task=coco reads a folder .* Received: no --data_dir\. Write --data_dir=FOLDER'):
    load('coco', DataConfig())


def test_other_joints_than_cocos_are_refused(tmp_path):
  with pytest.raises(TaskError, match=rf'17 joints.* Received: left_hip, right_hip, neck in {tmp_path}\. Use --task=keypoints:{tmp_path}'):
    load('coco', DataConfig(data_dir=str(fill(tmp_path))))

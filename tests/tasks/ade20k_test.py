import pytest

from st_tf.task import DataConfig, TaskError, load
from tests.tasks._mask_folder_test import fill


def test_ade20k_has_150_classes_whether_all_occur_or_not(tmp_path):
  task = load('ade20k', DataConfig(data_dir=str(fill(tmp_path))))
  assert task.name == 'ade20k' and task.head.outputs == 150 and task.labels[149] == 'class 150'


def test_150_names_are_wanted(tmp_path):
  (fill(tmp_path) / 'classes.txt').write_text('a\nb\nc\n')
  with pytest.raises(TaskError, match=r'150 classes have a name each.* Received: 3 names'):
    load('ade20k', DataConfig(data_dir=str(tmp_path)))


def test_the_folder_is_needed():
  with pytest.raises(TaskError, match=r'reads a folder, ADEChallengeData2016\. Received: no --data_dir'):
    load('ade20k', DataConfig())

import pytest

from st_tf.task import DataConfig, TaskError, load


def test_a_set_is_named_after_the_colon_with_its_version_if_wanted(data_dir):
  task = load('tfds:cifar100:3.0.2', DataConfig(data_dir=str(data_dir / 'tfds'), train_examples=200))
  assert task.name == 'tfds:cifar100:3.0.2'
  assert task.head.outputs == 100
  assert task.sizes == {'train': 200, 'validation': 4500, 'test': 5000}


def test_a_set_must_be_named():
  with pytest.raises(TaskError, match=r"This task is written tfds:ARGUMENT\. Received: 'tfds'"):
    load('tfds', DataConfig())

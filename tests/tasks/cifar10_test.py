import pytest
import requests

from st_tf.task import DataConfig, TaskError, load


def test_cifar10_asks_tensorflow_datasets_for_its_set(tmp_path, monkeypatch):
  def refuse(*_, **__):
    raise requests.ConnectionError

  monkeypatch.setattr(requests, 'head', refuse)
  with pytest.raises(TaskError, match=r"nothing at .*/cifar10/.*tfds\.load\('cifar10', data_dir='FOLDER'\)"):
    load('cifar10', DataConfig(data_dir=str(tmp_path)))

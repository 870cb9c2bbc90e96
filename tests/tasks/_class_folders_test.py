import pathlib

import pytest

from st_tf.task import TaskError
from tasks._class_folders import check, read


def touch(root: pathlib.Path, *files: str) -> pathlib.Path:
  for file in files:
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_bytes(b'')
  return root


def test_files_come_in_order_with_the_number_of_their_class(tmp_path):
  touch(tmp_path, 'train/bee/2.jpg', 'train/bee/1.PNG', 'train/ant/3.jpeg', 'train/ant/notes.txt', 'val/bee/4.jpg')
  labels, files = read(tmp_path)
  assert labels == ['ant', 'bee']
  assert {split: [(path.name, label) for path, label in pairs] for split, pairs in files.items()} == {
    'train': [('3.jpeg', 0), ('1.PNG', 1), ('2.jpg', 1)],
    'validation': [('4.jpg', 1)],
  }


def test_folders_of_classes_alone_are_a_train_split(tmp_path):
  assert list(read(touch(tmp_path, 'ant/1.jpg', 'bee/1.jpg'))[1]) == ['train']


def test_an_ignored_folder_is_as_if_it_were_not_there(tmp_path):
  touch(tmp_path, 'train/ant/1.jpg', 'train/bee/1.jpg', 'test/1.jpg')
  assert list(read(tmp_path, ignored=('test',))[1]) == ['train']
  with pytest.raises(TaskError, match=rf'Received: an empty split {tmp_path}/test'):
    read(tmp_path)


def test_reading_opens_no_picture_and_checking_all(tmp_path):
  _, files = read(touch(tmp_path, 'ant/1.jpg', 'bee/1.jpg'))
  with pytest.raises(TaskError, match=rf'An image can be decoded\. Received: {tmp_path}/ant/1\.jpg'):
    check([path for path, _ in files['train']])

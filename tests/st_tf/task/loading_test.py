import sys

import pytest

from st_tf import task
from st_tf.task import DataConfig, TaskError
from st_tf.task.task import check_labels

OWN_TASK = """
from tasks import shapes

def load(argument, config):
  assert argument == ''
  found = shapes.load('', config)
  found.name = 'mine'
  return found
"""


def test_the_known_tasks_are_those_of_the_project_and_shared_modules_are_none():
  assert task.known() == sorted(task.known()[:-1]) + ['module:']
  assert {'shapes', 'cifar10', 'cifar100', 'folder:', 'tfds:'} <= set(task.known())
  assert not [name for name in task.known() if name.startswith('_')]


@pytest.mark.parametrize(
  ('name', 'message'),
  [
    ('cifar1000', r"A task is one of .*shapes.* Received: 'cifar1000'\. Did you mean cifar100\?"),
    ('_images', r"A task is one of .* Received: '_images'"),
    ('', r'A task is one of'),
    ('shapes:5', r"This task is written shapes\. Received: 'shapes:5'"),
    ('folder', r"This task is written folder:PATH\. Received: 'folder'"),
    ('tfds', r"This task is written tfds:ARGUMENT\. Received: 'tfds'"),
    ('folder:~no_one_here/x', r'--task=folder:PATH names a folder that exists\. Received: ~no_one_here/x, which is /.*/~no_one_here/x\.'),
    ('segmentation:no/such', r'--task=segmentation:PATH names a folder that exists\. Received: no/such, which is /.*no/such\.'),
    (f'keypoints:{__file__}', r'Received: /.*loading_test\.py, a file, which is to be unpacked first\. Correct the path, or --data_dir\.'),
    ('module:', r"names an importable Python module\. Received: ''"),
    ('module:./task.py', r'Write it with dots'),
    ('module:no_such_module_anywhere', r"Received: 'no_such_module_anywhere' .*PYTHONPATH"),
    ('module:st_tf.arch.specs', r'A task module defines load\(argument, config\)'),
  ],
)
def test_a_name_that_is_no_task_is_refused_with_the_way_out(name, message):
  with pytest.raises(TaskError, match=message):
    task.load(name, DataConfig())


def test_a_folder_is_looked_for_where_the_data_are(tmp_path):
  (tmp_path / 'photos').mkdir()
  task.check('folder:photos', DataConfig(data_dir=str(tmp_path)))
  with pytest.raises(TaskError, match='names a folder that exists'):
    task.check('folder:photos', DataConfig())


@pytest.mark.parametrize('name', ['ade20k', 'cityscapes', 'coco', 'imagenet'])
def test_the_folder_of_a_published_set_is_looked_for_before_anything_is_loaded(tmp_path, name):
  task.check(name, DataConfig(data_dir=str(tmp_path)))
  with pytest.raises(
    TaskError, match=rf'--task={name} reads a folder that exists\. Received: .*gone, which is .*gone\. Correct --data_dir\.'
  ):
    task.check(name, DataConfig(data_dir=str(tmp_path / 'gone')))


def test_a_task_from_outside_the_project_is_found_by_its_module_path(tmp_path, monkeypatch):
  package = tmp_path / 'outside_package'
  package.mkdir()
  (package / '__init__.py').write_text('')
  (package / 'mine.py').write_text(OWN_TASK)
  monkeypatch.syspath_prepend(tmp_path)
  monkeypatch.setattr('tasks.shapes.SIZES', {'train': 40, 'validation': 20, 'test': 20})
  assert task.load('module:outside_package.mine', DataConfig(train_examples=20)).name == 'mine'
  with pytest.raises(TaskError, match=r'outside_package\.other'):
    task.load('module:outside_package.other', DataConfig())
  del sys.modules['outside_package.mine'], sys.modules['outside_package']


def test_a_missing_import_inside_a_users_task_is_not_taken_for_a_missing_task(tmp_path, monkeypatch):
  (tmp_path / 'needs_more.py').write_text('import a_package_that_is_not_there')
  monkeypatch.syspath_prepend(tmp_path)
  with pytest.raises(ModuleNotFoundError, match='a_package_that_is_not_there'):
    task.load('module:needs_more', DataConfig())


@pytest.mark.parametrize('label', ['a\nb', 'a\x1b[31m', '\udcff', 'a\u2028b', '\x7f', '\r', 'a\u202eb', '\u2067a'])
def test_names_that_cannot_be_shown_are_refused(label):
  with pytest.raises(TaskError, match=r'text of one line, in UTF-8 and without control characters\. Received: .* in folder:x\. Rename it'):
    check_labels(['fine', label], 'folder:x')
  check_labels(['straße', '鳥', 'a b', "l'été", ' c', 'C', '👩\u200d👧', 'می\u200cخواهم'], 'folder:x')


@pytest.mark.parametrize('other', ['cat', ' cat', 'cat ', 'cat\u200b', '\ufeffcat', 'c\u00adat', 'cat\u00a0'])
def test_names_that_look_alike_are_refused(other):
  with pytest.raises(TaskError, match=r"No two names look alike\. Received: 'cat' and '.*' in folder:x\. Rename or join them"):
    check_labels(['dog', 'cat', other], 'folder:x')
  with pytest.raises(TaskError, match='No two names look alike'):
    check_labels(['caf\u00e9', 'cafe\u0301'], 'x')


@pytest.mark.parametrize('name', ['folder:/photos/caf\udce9', 'folder:a\nb'])
def test_a_path_that_cannot_be_shown_is_refused(name):
  with pytest.raises(TaskError, match=r'in UTF-8 and without control characters\. Received: .* in --task\. Rename it'):
    task.load(name, DataConfig())

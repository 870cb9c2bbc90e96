import subprocess
import sys

import pytest

from st_tf import plugins
from st_tf.errors import UserError


@pytest.fixture
def package(tmp_path, monkeypatch):
  """The name of a package with two files for the name and one that they share."""
  folder = tmp_path / 'a_house' / 'room'
  folder.mkdir(parents=True)
  (tmp_path / 'a_house' / '__init__.py').touch()
  (folder / '__init__.py').write_text('raise RuntimeError')
  for name in ('chair', '_shared', 'bed'):
    (folder / f'{name}.py').write_text(f'THING = {name!r}')
  monkeypatch.syspath_prepend(tmp_path)
  monkeypatch.setattr(plugins, '_ROOT', tmp_path)
  yield 'a_house.room'
  for name in [name for name in sys.modules if name.split('.')[0] == 'a_house']:
    del sys.modules[name]


def test_names_are_the_files_without_those_that_are_shared_and_the_package_is_not_imported(package):
  assert plugins.names(package) == ('bed', 'chair')
  assert plugins.names(package, private=True) == ('_shared', 'bed', 'chair')


def test_listing_brings_no_tensorflow():
  code = 'import sys; from st_tf import plugins; plugins.names("st_tf.pruning.schedules"); assert "tensorflow" not in sys.modules'
  assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0


def test_a_value_is_loaded_by_the_name_of_its_file(package, tmp_path):
  (tmp_path / 'a_house' / 'room' / '__init__.py').write_text('')
  assert plugins.load(package, 'chair', 'THING') == 'chair'
  with pytest.raises(UserError, match=r"a_house.room has bed, chair\. Received: 'chari'\. Did you mean chair\?"):
    plugins.load(package, 'chari', 'THING')
  with pytest.raises(UserError, match=r'Every file of a_house.room defines OTHER\. Received: bed.py'):
    plugins.load(package, 'bed', 'OTHER')


def test_somebody_elses_package_of_the_same_name_is_not_taken_for_ours(package, tmp_path, monkeypatch):
  monkeypatch.setattr(plugins, '_ROOT', tmp_path / 'elsewhere')
  with pytest.raises(UserError, match=r'The package a_house is that beside st_tf\. Received: .*a_house, which comes first'):
    plugins.module(package, 'chair')


def test_what_a_file_says_of_itself_is_read_without_importing_it(package):
  assert plugins.constant(package, 'chair', 'THING', None) == 'chair' and plugins.constant(package, 'bed', 'LEGS', 4) == 4
  assert package not in sys.modules

import os

import pytest

from st_tf.errors import UserError
from tflite.android import written


@pytest.fixture
def project(tmp_path):
  (tmp_path / 'app' / 'src').mkdir(parents=True)
  (tmp_path / 'app' / 'README.md').write_text('as written')
  (tmp_path / 'app' / 'src' / 'Main.kt').write_text('as written')
  written.record(tmp_path / 'app')
  return tmp_path / 'app'


def test_a_new_place_and_a_project_as_it_was_written_are_let_through(project):
  written.check(project.parent / 'new')
  written.check(project)
  (project / 'src' / 'build').mkdir()
  (project / 'src' / 'build' / 'out.class').write_text('made')
  written.check(project)


def test_what_was_changed_added_removed_or_linked_is_named(project):
  (project / 'README.md').write_text('mine')
  (project / 'new.kt').write_text('mine')
  (project / 'src' / 'Main.kt').unlink()
  os.symlink('/etc/hostname', project / 'src' / 'link')
  with pytest.raises(
    UserError, match=r'README\.md, new\.kt, src/Main\.kt and 1 more are not what was written\. Choose another --out, or move'
  ):
    written.check(project)


def test_what_is_none_of_its_own_is_refused(project, tmp_path):
  (tmp_path / 'else').mkdir()
  os.symlink(project, tmp_path / 'link')
  for name in ('else', 'link'):
    with pytest.raises(UserError, match='replaces nothing but one that this command wrote'):
      written.check(tmp_path / name)
  with pytest.raises(UserError, match=r'an existing folder\. Received: .*none/app\. Create .*none first'):
    written.check(tmp_path / 'none' / 'app')
  (project / written.RECORD).write_text('{}')
  with pytest.raises(UserError):
    written.check(project)

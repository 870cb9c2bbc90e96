import os
import pathlib

from PIL import Image
import pytest

from st_tf.task import TaskError
from tasks._picture_folders import PassedOver, count, count_below, decode, each, entries, everything, folders, is_rubbish, pictures

FILES = ('b.jpg', 'a.PNG', '.hidden.jpg', 'note.txt', 'Thumbs.db', 'in/1.jpg', 'in/2.bmp', 'in/3.txt', 'in/.x/4.jpg', 'in/@eaDir/5.jpg')


@pytest.fixture
def folder(tmp_path):
  for name in FILES:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b'')
  return tmp_path


def test_pictures_are_those_by_their_endings_and_the_rest_is_counted(folder):
  passed = PassedOver(folder)
  assert [path.name for path in pictures(folder, passed)] == ['a.PNG', 'b.jpg']
  assert passed.of(folder) == '2 in subfolders, 1 .txt'
  assert passed.of(folder / 'in') == '' and PassedOver(folder).notes('x') == ()
  assert (count(folder), count_below(folder), count(folder / 'in')) == (2, 4, 2)


def test_entries_and_folders_are_in_order_and_without_rubbish(folder):
  assert [entry.name for entry in entries(folder)] == ['a.PNG', 'b.jpg', 'in', 'note.txt']
  assert folders(folder) == [folder / 'in']


def test_everything_is_there_with_what_is_hidden(folder):
  assert [entry.name for entry in everything(folder)] == ['.hidden.jpg', 'Thumbs.db', 'a.PNG', 'b.jpg', 'in', 'note.txt']


def test_bad_pictures_are_named_at_once_and_the_first_with_its_reason(folder):
  Image.new('RGB', (9, 9)).save(folder / 'good.png')
  assert each(lambda path: path.name, [folder / 'a', folder / 'b']) == ['a', 'b']
  bad = [folder / f'{number}.png' for number in range(7)]
  for path in bad:
    path.write_bytes(b'')
  decode([folder / 'good.png'])
  with pytest.raises(TaskError, match=r'^An image can be decoded\. Received: [^ ]*/0\.png \(.*\)\. Replace or remove it\.$'):
    decode([folder / 'good.png', bad[0]])
  rest = ', '.join(map(str, bad[1:5]))
  with pytest.raises(TaskError, match=rf'Received: .*/0\.png .* Bad too: {rest} and 2 more\.$'):
    decode([folder / 'good.png', *bad])
  with pytest.raises(TaskError, match=rf' Bad too: {rest}\.$'):
    decode(bad[:5])


def test_what_is_no_file_is_no_picture(folder):
  os.mkfifo(folder / 'pipe.jpg')  # Reading it would wait for ever.
  passed = PassedOver(folder)
  assert 'pipe.jpg' not in [path.name for path in pictures(folder, passed)]
  assert '1 .jpg' in passed.of(folder)


def test_links_that_lead_nowhere_are_pictures_that_are_missed(folder):
  (folder / 'c.jpg').symlink_to(folder / 'gone')
  (folder / 'd.jpg').symlink_to(folder / 'd.jpg')
  (folder / 'e').symlink_to(folder / 'e')
  (folder / 'f.jpg').symlink_to(folder / 'in')
  assert [path.name for path in pictures(folder, PassedOver(folder))] == ['a.PNG', 'b.jpg', 'c.jpg', 'd.jpg']
  assert folders(folder) == [folder / 'f.jpg', folder / 'in']


def test_many_folders_and_kinds_are_summed_up():
  passed = PassedOver(pathlib.Path('root'))
  for number in range(9):
    passed.add(pathlib.Path('root', str(number)), f'.x{number}', number)
  (note,) = passed.notes('x')
  assert note == (
    'x: passed over: 8 .x8, 7 .x7, 6 .x6, 5 .x5, 4 .x4, 3 .x3, 3 others'
    ' (8: 8 .x8; 7: 7 .x7; 6: 6 .x6; 5: 5 .x5; 4: 4 .x4; and 3 more folders)'
  )


@pytest.mark.parametrize('name', ['__MACOSX', '@eaDir', '.git', '._a.jpg', 'THUMBS.DB', 'Desktop.ini', 'Icon\r'])
def test_rubbish_is_known_by_its_name(name):
  assert is_rubbish(name) and not is_rubbish(f'x{name}')


def test_a_folder_that_cannot_be_read_is_named(folder):
  with pytest.raises(TaskError, match=rf'A folder of pictures can be read\. Received: {folder}/b\.jpg \(Not a directory\)'):
    entries(folder / 'b.jpg')

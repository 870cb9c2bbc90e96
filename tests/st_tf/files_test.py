import os
import pathlib

import numpy as np
import pytest

from st_tf import files
from tests import damage

ARRAYS = {
  'a/kernel': np.arange(6, dtype=np.float32).reshape(2, 3),
  'scalar': np.float32(2.5),
  'count': np.int64(7),
  'kept': np.array([True, False]),
}


def test_a_home_is_put_in_and_one_of_nobody_stays_as_it_is(monkeypatch):
  monkeypatch.setenv('HOME', '/home/me')
  assert files.expanded('~/a') == pathlib.Path('/home/me/a') and files.expanded(pathlib.Path('a', '~')) == pathlib.Path('a', '~')
  assert files.expanded('~nobody_at_all/a') == pathlib.Path('~nobody_at_all/a')


def test_arrays_come_back_as_they_were(tmp_path):
  files.write_arrays(tmp_path / 'a.safetensors', ARRAYS)
  found = files.read_arrays(tmp_path / 'a.safetensors')
  assert found.keys() == ARRAYS.keys()
  for name, value in ARRAYS.items():
    assert np.array_equal(found[name], value) and found[name].dtype == value.dtype and found[name].shape == np.shape(value)


def test_views_that_are_not_contiguous_come_back_too(tmp_path):
  value = np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(2, 0, 1)[::2]
  files.write_arrays(tmp_path / 'a.safetensors', {'view': value})
  assert np.array_equal(files.read_arrays(tmp_path / 'a.safetensors')['view'], value)


@pytest.mark.parametrize('damage', ['missing', 'empty', 'cut', 'text'])
def test_a_damaged_array_file_is_a_value_error_with_its_name(tmp_path, damage):
  path = tmp_path / 'a.safetensors'
  if damage != 'missing':
    files.write_arrays(path, ARRAYS)
    path.write_bytes({'empty': b'', 'cut': path.read_bytes()[:-5], 'text': b'{"no": "arrays"}' * 9}[damage])
  with pytest.raises(ValueError, match=r'a\.safetensors'):
    files.read_arrays(path)


def test_a_full_disk_is_an_os_error(tmp_path, monkeypatch):
  def full(*args, **kwargs):
    raise files.safetensors.SafetensorError('I/O error: No space left on device (os error 28)')

  monkeypatch.setattr(files.safetensors.numpy, 'save_file', full)
  with pytest.raises(OSError, match=r'a\.safetensors: .*No space left'):
    files.write_arrays(tmp_path / 'a.safetensors', ARRAYS)


def test_the_digest_changes_with_name_type_shape_and_value():
  variants = [
    {'a': np.zeros(4, np.float32)},
    {'b': np.zeros(4, np.float32)},
    {'a': np.zeros(4, np.float64)},
    {'a': np.zeros((2, 2), np.float32)},
    {'a': np.array([0, 0, 0, 1e-30], np.float32)},
    {'a': np.zeros(4, np.float32), 'b': np.zeros(0, np.float32)},
  ]
  assert len({files.digest(arrays) for arrays in variants}) == len(variants)


def test_the_digest_does_not_depend_on_order_or_memory_layout():
  square = np.arange(4.0).reshape(2, 2)
  assert files.digest({'a': square, 'b': square}) == files.digest({'b': square, 'a': np.asfortranarray(square)})


def test_a_folder_is_replaced_whole(tmp_path):
  path = tmp_path / 'folder'
  for text in ('first', 'second'):
    files.write_folder(path, lambda folder, text=text: (folder / text).write_text(text) and None)
    assert [file.name for file in path.iterdir()] == [text]
  assert [entry.name for entry in tmp_path.iterdir()] == ['folder']


def test_a_folder_that_cannot_be_filled_leaves_the_old_one(tmp_path):
  path = tmp_path / 'folder'
  files.write_folder(path, lambda folder: (folder / 'old').write_text('old') and None)

  def fill(folder: pathlib.Path) -> None:
    (folder / 'new').write_text('half')
    raise OSError(28, 'No space left on device')

  with pytest.raises(OSError, match='No space left'):
    files.write_folder(path, fill)
  assert (path / 'old').read_text() == 'old'
  assert [entry.name for entry in tmp_path.iterdir()] == ['folder']


def test_what_a_killed_process_left_behind_is_in_nobodys_way(tmp_path):
  path = tmp_path / 'folder'
  for left in ('.folder.unfinished', '.folder.replaced'):
    (tmp_path / left).mkdir()
    (tmp_path / left / 'debris').write_text('half')
  for text in ('first', 'second'):
    files.write_folder(path, lambda folder, text=text: (folder / text).write_text(text) and None)
  assert [file.name for file in path.iterdir()] == ['second']
  assert [entry.name for entry in tmp_path.iterdir()] == ['folder']


def test_text_is_replaced_at_once(tmp_path, monkeypatch):
  path = tmp_path / 'a.txt'
  files.write_text(path, 'old')

  def killed(*args):
    raise KeyboardInterrupt

  with monkeypatch.context() as patch:
    patch.setattr(os, 'replace', killed)
    with pytest.raises(KeyboardInterrupt):
      files.write_text(path, 'new')
  assert path.read_text() == 'old'
  files.write_text(path, 'new')
  assert path.read_text() == 'new'


def test_a_file_is_replaced_at_once_by_one_that_somebody_else_writes(tmp_path):
  path = tmp_path / 'model.keras'
  path.write_bytes(b'old')

  def fill(unfinished):
    assert unfinished.suffix == '.keras' and unfinished.parent == tmp_path and path.read_bytes() == b'old'
    unfinished.write_bytes(b'new')

  def fail(unfinished):
    unfinished.write_bytes(b'half')
    raise OSError(28, 'No space left on device')

  files.write_file(path, fill)
  with pytest.raises(OSError, match='No space left'):
    files.write_file(path, fail)
  assert [file.read_bytes() for file in tmp_path.iterdir()] == [b'new']


def test_what_deaths_left_of_one_file_goes_and_nothing_else(tmp_path):
  file = tmp_path / 'a[1].tflite'
  left = [tmp_path / f'.a[1].tflite.{number}.unfinished.tflite' for number in ('0123abcd', 'ffffffff')]
  others = [tmp_path / name for name in ('a[1].tflite', '.a1.tflite.0123abcd.unfinished.tflite', '.b.tflite.0123abcd.unfinished.tflite')]
  for path in (*left, *others):
    path.touch()
  files.forget_unfinished(file)
  assert sorted(tmp_path.iterdir()) == sorted(others)
  killed = []

  def die(unfinished):
    killed.append(unfinished.name)
    raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    files.write_file(file, die)
  (tmp_path / killed[0]).touch()  # As where nothing could be put right any more.
  files.forget_unfinished(file)
  assert sorted(tmp_path.iterdir()) == sorted(others)


def test_removing_what_is_not_there_is_no_error(tmp_path):
  files.remove(tmp_path / 'nothing')


def test_a_folder_that_was_being_replaced_is_found_again(tmp_path, monkeypatch):
  path = tmp_path / 'folder'
  files.write_folder(path, lambda folder: (folder / 'old').write_text('old') and None)
  replace, calls = os.replace, []

  def dying(source, target):
    calls.append(target)
    if len(calls) == 2:
      raise KeyboardInterrupt  # Between the two renames.
    replace(source, target)

  with monkeypatch.context() as patch:
    patch.setattr(os, 'replace', dying)
    with pytest.raises(KeyboardInterrupt):
      files.write_folder(path, lambda folder: (folder / 'new').write_text('new') and None)
  assert not path.exists()
  files.put_back(path)
  assert (path / 'old').read_text() == 'old'
  path.rename(tmp_path / '.folder.replaced')
  files.tidy(tmp_path)
  assert (path / 'old').read_text() == 'old' and [entry.name for entry in tmp_path.iterdir()] == ['folder']
  files.write_folder(path, lambda folder: (folder / 'new').write_text('new') and None)
  assert [entry.name for entry in path.iterdir()] == ['new']


def test_a_folder_whose_old_one_is_put_back_meanwhile_is_replaced_all_the_same(tmp_path, monkeypatch):
  path = tmp_path / 'folder'
  files.write_folder(path, lambda folder: (folder / 'old').write_text('old') and None)
  replace = os.replace

  def with_a_reader(source, target):
    replace(source, target)
    if pathlib.Path(target).name == '.folder.replaced' and not calls:
      calls.append(target)
      files.put_back(path)

  calls = []
  monkeypatch.setattr(os, 'replace', with_a_reader)
  files.write_folder(path, lambda folder: (folder / 'new').write_text('new') and None)
  assert [entry.name for entry in path.iterdir()] == ['new'] and [entry.name for entry in tmp_path.iterdir()] == ['folder']


def test_tidying_leaves_what_is_not_of_ours(tmp_path):
  for name in ('.hidden', '.vimrc.removed', '.a.unfinished', 'b.12345678.unfinished'):
    (tmp_path / name).write_text('mine')
  for name in ('.a.12345678.unfinished', '.model.0123abcd.unfinished.keras'):
    (tmp_path / name).write_text('half')
  (tmp_path / '.stages.89abcdef.removed' / 'inner').mkdir(parents=True)
  files.tidy(tmp_path)
  assert sorted(entry.name for entry in tmp_path.iterdir()) == ['.a.unfinished', '.hidden', '.vimrc.removed', 'b.12345678.unfinished']


def test_links_are_not_followed(tmp_path):
  victim = tmp_path / 'victim'
  victim.write_text('mine')
  place = tmp_path / 'place'
  place.mkdir()
  for name in ('model.tflite', '.model.tflite.unfinished', '.model.unfinished.tflite', 'arrays.safetensors'):
    (place / name).symlink_to(victim)
  files.write_bytes(place / 'model.tflite', b'new')
  files.write_file(place / 'model.tflite', lambda file: file.write_bytes(b'newer'))
  with pytest.raises(OSError, match='symbolic link|arrays'):
    files.write_arrays(place / 'arrays.safetensors', ARRAYS)
  assert victim.read_text() == 'mine' and (place / 'model.tflite').read_bytes() == b'newer' and not (place / 'model.tflite').is_symlink()
  (tmp_path / 'full').mkdir()
  (tmp_path / 'full' / 'kept').write_text('mine')
  (place / 'folder').symlink_to(tmp_path / 'full')
  files.remove(place / 'folder')
  assert (tmp_path / 'full' / 'kept').exists() and not (place / 'folder').is_symlink()


@pytest.mark.parametrize(('umask', 'file', 'folder'), [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700), (0o002, 0o664, 0o775)])
def test_files_have_the_rights_that_the_user_gives(tmp_path, umask, file, folder):
  before = os.umask(umask)
  try:
    files.write_text(tmp_path / 'a.txt', 'a')
    files.write_arrays(tmp_path / 'a.safetensors', ARRAYS)
    files.write_folder(tmp_path / 'folder', lambda inner: files.write_arrays(inner / 'b.safetensors', ARRAYS))
  finally:
    os.umask(before)
  found = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob('*')}
  assert found == {'a.txt': file, 'a.safetensors': file, 'b.safetensors': file, 'folder': folder}


def test_text_with_half_characters_is_written(tmp_path):
  files.write_text(tmp_path / 'page.html', 'caf\udce9 \u05e9')
  assert (tmp_path / 'page.html').read_text(encoding='utf-8') == 'caf\\udce9 \u05e9'


def test_a_file_in_the_place_of_a_folder_is_replaced(tmp_path):
  (tmp_path / 'folder').write_text('no folder')
  files.write_folder(tmp_path / 'folder', lambda folder: (folder / 'a').write_text('1'))
  assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob('*'))] == ['folder', 'folder/a']


def test_what_is_half_removed_has_not_its_name(tmp_path, monkeypatch):
  (tmp_path / 'folder').mkdir()

  def killed(*args, **kwargs):
    raise KeyboardInterrupt

  monkeypatch.setattr(files.shutil, 'rmtree', killed)
  with pytest.raises(KeyboardInterrupt):
    files.remove(tmp_path / 'folder')
  assert not (tmp_path / 'folder').exists()


def test_arrays_with_a_digest_show_a_change(tmp_path):
  path = tmp_path / 'a.safetensors'
  files.write_arrays(path, ARRAYS, with_digest=True)
  assert files.digest(files.read_arrays(path)) == files.digest(ARRAYS)
  content = bytearray(path.read_bytes())
  content[-1] ^= 1
  path.write_bytes(content)
  with pytest.raises(ValueError, match=r'a\.safetensors: '):
    files.read_arrays(path)


def test_an_archive_of_arrays_is_read_without_pickles(tmp_path):
  path = tmp_path / 'a.npz'
  np.savez(path, **ARRAYS)
  assert files.digest(files.read_npz(path)) == files.digest(ARRAYS)
  whole = path.read_bytes()
  refused = 0
  for changed in (*damage.flipped(whole, 300), *damage.cut(whole, 20), b'', b'PK\x03\x04'):
    path.write_bytes(changed)
    try:
      files.read_npz(path)
    except ValueError:
      refused += 1
  assert refused > 100
  np.savez(path, a=np.array([{}], object))
  with pytest.raises(ValueError, match='pickle'):
    files.read_npz(path)


@pytest.mark.parametrize(('error', 'said'), [(EOFError(), 'EOFError'), (RuntimeError('a password'), 'a password')])
def test_what_numpy_says_nothing_of_is_said_by_its_kind(error, said, tmp_path, monkeypatch):
  np.savez(tmp_path / 'weights.npz', a=np.zeros(2))

  def failing(*args, **named):
    raise error

  monkeypatch.setattr(np, 'load', failing)
  with pytest.raises(ValueError, match=f'^{said}$'):
    files.read_npz(tmp_path / 'weights.npz')


@pytest.mark.parametrize('content', [b'', b'<!doctype html><title>Sign in</title>', b'\x80\x04K\x01.', b'\x93NUMPY\x01\x00'])
def test_what_does_not_begin_as_npz_is_said_to_be_none_and_nobody_is_told_to_trust_it(tmp_path, content):
  (tmp_path / 'weights.npz').write_bytes(content)
  with pytest.raises(ValueError, match=r'^no \.npz file$'):
    files.read_npz(tmp_path / 'weights.npz')


def test_an_archive_that_unpacks_to_far_more_than_it_is_is_not_unpacked(tmp_path, monkeypatch):
  np.savez_compressed(tmp_path / 'zeros.npz', a=np.zeros(10**5), b=np.zeros(10**5))
  assert set(files.read_npz(tmp_path / 'zeros.npz')) == {'a', 'b'}
  monkeypatch.setattr(files, '_UNPACKED', 10**6)
  with pytest.raises(ValueError, match=r'it unpacks to 1,600,\d+ bytes, of [\d,]+; at most 100 times as many are read'):
    files.read_npz(tmp_path / 'zeros.npz')

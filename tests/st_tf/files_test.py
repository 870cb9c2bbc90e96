import os
import pathlib

import numpy as np
import pytest

from st_tf import files

ARRAYS = {
  'a/kernel': np.arange(6, dtype=np.float32).reshape(2, 3),
  'scalar': np.float32(2.5),
  'count': np.int64(7),
  'kept': np.array([True, False]),
}


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


def test_removing_what_is_not_there_is_no_error(tmp_path):
  files.remove(tmp_path / 'nothing')

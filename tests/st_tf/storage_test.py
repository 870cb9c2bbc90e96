"""Storages elsewhere: what they say of files, and errors of one line."""

import pytest

from st_tf.errors import UserError
from st_tf.storage import Storage


@pytest.fixture(params=['file', 'memory'])
def storage(request, tmp_path):
  return Storage(f'file://{tmp_path}/run' if request.param == 'file' else f'memory://{tmp_path.name}/run')


def test_files_are_written_read_listed_and_removed(storage, tmp_path):
  assert storage.listed() == {} and storage.read('a') == b''
  storage.write('a', b'one')
  (tmp_path / 'here').write_bytes(b'two')
  storage.put(str(tmp_path / 'here'), 'deep/b')
  before = storage.listed()
  assert before.keys() == {'a', 'deep/b'} and storage.read('deep/b') == b'two'
  storage.write('a', b'three')
  assert storage.listed()['a'] != before['a'] and storage.listed()['deep/b'] == before['deep/b']
  storage.get('a', str(tmp_path / 'got'))
  assert (tmp_path / 'got').read_bytes() == b'three'
  storage.remove('a')
  storage.remove('a')
  assert storage.listed().keys() == {'deep/b'}


def test_what_consoles_call_folders_are_no_files(storage, monkeypatch):
  found = {f'{storage._root}/checkpoints/': {'type': 'file', 'size': 0}, f'{storage._root}/a': {'type': 'directory'}}
  monkeypatch.setattr(storage._fs, 'find', lambda *given, **named: found)
  assert storage.listed() == {}


@pytest.mark.parametrize('address', ['nowhere://bucket/run', 'http://127.0.0.1:9/run'])
def test_what_does_not_answer_is_an_error_of_one_line(address):
  with pytest.raises(UserError, match=rf'^A folder elsewhere is at an address that answers\. Received: {address} \(.+\)\.$'):
    Storage(address).read('a')

"""Who works in a folder elsewhere: one at a time, and another once it gives no more signs of life."""

import contextlib
import json
import threading
import time

import pytest

from st_tf import ownership
from st_tf.errors import UserError
from st_tf.ownership import Owner
from st_tf.storage import Storage


@pytest.fixture
def storage(tmp_path, monkeypatch):
  monkeypatch.setattr(ownership, '_SECONDS', 0.05)
  monkeypatch.setattr(ownership, '_EXPIRES', 0.2)
  return Storage(f'file://{tmp_path}/run')


def last(storage) -> dict:
  return json.loads(storage.read(ownership.NAME))


def test_who_leaves_says_so_and_the_next_one_knows_who_it_was(storage, tmp_path, capsys):
  first, second = Owner(storage, tmp_path / 'lock'), Owner(storage, tmp_path / 'lock')
  with first.held() as before:
    assert before == {''} and last(storage)['token'] == first.token and not last(storage)['released']
  assert last(storage)['released']
  with second.held() as before:
    assert first.token in before
  assert capsys.readouterr().out == '', 'nobody waited'


@pytest.mark.parametrize('lock', ['lock', 'another'])
def test_one_process_at_a_time_also_on_another_machine(storage, tmp_path, lock):
  with Owner(storage, tmp_path / 'lock').held():
    with pytest.raises(UserError, match=r'^One process at a time works in a folder\. Received: .*, in which one on .* does\. Wait'):
      with Owner(storage, tmp_path / lock).held():
        pass


@pytest.mark.parametrize('lock', ['lock', 'another'])
def test_one_that_waits_comes_once_the_other_has_ended_however_long_that_takes(storage, tmp_path, lock, monkeypatch):
  monkeypatch.setattr(ownership, '_EXPIRES', 1.0)
  there, begun, order = Storage(f'memory://waits/{lock}'), threading.Event(), []  # Where nothing is read half written.

  def work():
    with Owner(there, tmp_path / 'lock').held():
      begun.set()
      time.sleep(2.5)
      order.append('first')

  working = threading.Thread(target=work)
  working.start()
  begun.wait()
  with Owner(there, tmp_path / lock).held(waits=True):
    order.append('second')
  working.join()
  assert order == ['first', 'second']


@pytest.mark.parametrize('left', [{'token': 'dead', 'host': 'other', 'released': False}, {'token': 'dead', 'released': False, 'more': 1}])
def test_the_folder_of_one_that_gives_no_sign_is_taken_over(storage, tmp_path, left, capsys):
  storage.write(ownership.NAME, json.dumps(left).encode())
  with Owner(storage, tmp_path / 'lock').held() as before:
    assert before == {'dead'} and 'Waiting 0 s for a sign of life' in capsys.readouterr().out


@pytest.mark.parametrize('content', [b'', b'[]', b'{"released": 3', b'null'])
def test_what_cannot_be_read_is_nobodys(storage, tmp_path, content):
  storage.write(ownership.NAME, content)
  with Owner(storage, tmp_path / 'lock').held() as before:
    assert before == {''}


def test_of_one_that_did_not_begin_it_is_known_whom_it_came_after(storage, tmp_path):
  first, failed = Owner(storage, tmp_path / 'lock'), Owner(storage, tmp_path / 'lock')
  with first.held():
    first.begin()
  for _ in range(2):
    with failed.held() as before:
      assert first.token in before
  with Owner(storage, tmp_path / 'lock').held() as before:
    assert before == {failed.token, first.token}


def test_signs_are_given_all_the_time(storage, tmp_path):
  with Owner(storage, tmp_path / 'lock').held():
    seen = set()
    while len(seen) < 3:
      with contextlib.suppress(ValueError):  # Written at this moment: folders of this machine are not storages.
        seen.add(last(storage)['sign'])


def test_who_was_taken_over_is_interrupted_and_leaves_the_other_alone(storage, tmp_path):
  owner = Owner(storage, tmp_path / 'lock')
  with pytest.raises(KeyboardInterrupt), owner.held():
    owner.check()
    storage.write(ownership.NAME, b'{"token": "new", "host": "other"}')
    while True:
      pass
  assert last(storage)['token'] == 'new'
  with pytest.raises(UserError, match='which one on other has taken over'):
    owner.check()


def test_a_clock_that_is_set_back_hides_nobody_who_has_taken_over(storage, tmp_path, monkeypatch):
  owner = Owner(storage, tmp_path / 'lock')
  owner.check()
  storage.write(ownership.NAME, json.dumps({'token': 'another', 'host': 'there', 'released': False}).encode())
  monkeypatch.setattr(time, 'time', lambda: 0.0)
  time.sleep(0.15)
  with pytest.raises(UserError, match='which one on there has taken over'):
    owner.check()

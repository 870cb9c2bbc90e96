"""A folder that stands for one elsewhere: what is copied and when, and what becomes of it when a copy, a process or a machine is lost."""

import json
import pathlib
import shutil
import threading
import time

import pytest

from st_tf import elsewhere, mirror, ownership
from st_tf.config import named_files
from st_tf.errors import UserError
from st_tf.mirror import Folder
from st_tf.runs import checkpoints, lock
from st_tf.runs import folder as parts
from st_tf.storage import Storage
from tests.folders_elsewhere import there, until, write


def test_another_machine_goes_on_with_what_was_left(machine, address, tmp_path, capsys):
  with elsewhere.worked_in(address) as folder:
    write(folder, config='1', checkpoints__7__state='seven')
    assert pathlib.Path(folder).name == 'run' and f'which is copied to {address}' in capsys.readouterr().out
  assert there(tmp_path) == {'config': '1', 'checkpoints/7/state': 'seven'}
  machine('second')
  with elsewhere.worked_in(address) as folder:
    assert (pathlib.Path(folder) / 'checkpoints' / '7' / 'state').read_text() == 'seven'
    write(folder, config='2', tickets__a='ticket')
    (pathlib.Path(folder) / 'checkpoints' / '7' / 'state').unlink()
  assert there(tmp_path) == {'config': '2', 'tickets/a': 'ticket'}
  machine('first')
  assert {path.name for path in pathlib.Path(elsewhere.fetched(address)).rglob('[!.]*') if path.is_file()} == {'config', 'a'}


def test_changes_are_copied_while_work_goes_on(machine, address, tmp_path, quick):
  with elsewhere.worked_in(address) as folder:
    write(folder, metrics='one')
    until(lambda: there(tmp_path).get('metrics') == 'one')
    write(folder, metrics='one two')
    until(lambda: there(tmp_path).get('metrics') == 'one two')


def test_what_goes_on_from_others_comes_after_them_and_removals_last(machine, address, monkeypatch):
  folder = Folder(address)
  write(folder.path, checkpoints__1__state='1', metrics='1')
  folder.push()
  (folder.path / 'checkpoints' / '1' / 'state').unlink()
  for name in ('tickets/a', 'stages/one/checkpoints/1', 'stages/one/tickets/b', 'checkpoints/2'):
    whole = 'ticket.json' if 'tickets' in name else 'state.json'
    write(folder.path, **{f'{name}/{whole}': '', f'{name}/weights': ''})
  write(folder.path, **{'metrics': '12', 'finished.json': '', 'stages/one/finished.json': '', 'stages/one/config.json': ''})
  done = []
  monkeypatch.setattr(folder._storage, 'put', lambda path, name: done.append(name))
  monkeypatch.setattr(folder._storage, 'remove', lambda name: done.append(f'no {name}'))
  folder.push()
  assert done == [
    *('metrics', 'stages/one/config.json', 'stages/one/tickets/b/weights', 'stages/one/tickets/b/ticket.json'),
    *('stages/one/checkpoints/1/weights', 'stages/one/checkpoints/1/state.json', 'stages/one/finished.json'),
    *('tickets/a/weights', 'tickets/a/ticket.json', 'checkpoints/2/weights', 'checkpoints/2/state.json', 'finished.json'),
    'no checkpoints/1/state',
  ]


def test_the_parts_of_a_runs_folder_have_the_names_that_runs_give_them():
  assert mirror._ORDER == (parts.TICKETS, parts.CHECKPOINTS, parts.FINISHED) and mirror._CONFIG == parts.CONFIG
  assert mirror._WHOLE == (named_files.TICKET, checkpoints._STATE) and mirror._LOCK == lock.NAME


def test_what_is_being_replaced_is_not_removed(machine, address, tmp_path):
  folder = Folder(address)
  write(folder.path, metrics='1', **{'.lock': '', '.a.0123abcd.unfinished': ''})
  folder.push()
  assert there(tmp_path) == {'metrics': '1'}
  (folder.path / 'metrics').unlink()
  folder.push(at_rest=False)
  assert there(tmp_path) == {'metrics': '1'}
  folder.push(at_rest=False)
  assert there(tmp_path) == {}


def test_what_could_not_be_copied_is_copied_the_next_time(machine, address, tmp_path, monkeypatch, quick, capsys):
  def full(*given):
    raise UserError('No room.')

  with (
    monkeypatch.context() as broken,
    pytest.raises(UserError, match=r'^No room\. What is not there is in .*run; the'),
  ):
    with elsewhere.worked_in(address) as folder:
      write(folder, metrics='1')
      broken.setattr(Storage, 'put', full)
  assert 'No room. Trying again in' in capsys.readouterr().err and there(tmp_path) == {}
  with elsewhere.worked_in(address) as folder:
    assert (pathlib.Path(folder) / 'metrics').read_text() == '1'
  assert there(tmp_path) == {'metrics': '1'}


def test_an_outage_ends(machine, address, tmp_path, monkeypatch, quick):
  real, left = Storage.put, [1, 2]

  def put(self, *given):
    if left:
      left.pop()
      raise UserError('Nobody answers.')
    real(self, *given)

  monkeypatch.setattr(Storage, 'put', put)
  with elsewhere.worked_in(address) as folder:
    write(folder, metrics='1')
  assert there(tmp_path) == {'metrics': '1'}


def test_an_error_of_the_run_stays_the_one_that_is_raised(machine, address, tmp_path, monkeypatch, quick, capsys):
  with pytest.raises(KeyboardInterrupt), elsewhere.worked_in(address) as folder:
    write(folder, metrics='1')
    raise KeyboardInterrupt
  assert there(tmp_path) == {'metrics': '1'}
  with pytest.raises(KeyboardInterrupt), elsewhere.worked_in(address) as folder:
    write(folder, metrics='2')
    monkeypatch.setattr(Storage, 'put', lambda *given: (_ for _ in ()).throw(UserError('Nobody answers.')))
    raise KeyboardInterrupt
  assert 'Nobody answers. What is not there is in' in capsys.readouterr().err


@pytest.mark.parametrize('change', ['pull', 'push'])
def test_a_copy_that_is_killed_goes_on(machine, address, tmp_path, monkeypatch, change):
  if change == 'pull':
    write(tmp_path / 'there' / 'run', a='1', b='2', c='3')
  name, left = {'pull': 'get', 'push': 'put'}[change], [1]

  def killed(self, *given):
    if not left:
      raise KeyboardInterrupt
    left.pop()
    real(self, *given)

  real = getattr(Storage, name)
  with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt), elsewhere.worked_in(address) as folder:
    write(folder, a='1', b='2', c='3')
    broken.setattr(Storage, name, killed)
    Folder(address).push() if change == 'push' else Folder(address).pull()
    raise KeyboardInterrupt
  for _ in range(2):
    with elsewhere.worked_in(address) as folder:
      assert {path.name for path in pathlib.Path(folder).iterdir()} >= {'a', 'b', 'c'}
  assert there(tmp_path) == {'a': '1', 'b': '2', 'c': '3'}


@pytest.mark.parametrize('lost', ['folder', 'file'])
def test_a_folder_that_is_lost_here_comes_back(machine, address, tmp_path, lost):
  with elsewhere.worked_in(address) as folder:
    write(folder, metrics='1', checkpoints__1__state='1')
  if lost == 'folder':
    shutil.rmtree(folder)
  else:
    (pathlib.Path(folder) / 'metrics').unlink()
  with elsewhere.worked_in(address):
    assert (pathlib.Path(folder) / 'metrics').read_text() == '1'
  assert there(tmp_path) == {'metrics': '1', 'checkpoints/1/state': '1'}


def test_where_both_sides_have_changed_neither_is_lost(machine, address, tmp_path, quick, monkeypatch, capsys):
  with elsewhere.worked_in(address) as folder:
    write(folder, metrics='1')
  machine('second')
  with elsewhere.worked_in(address) as other:
    write(other, metrics='there')
  machine('first')
  write(folder, metrics='here')
  with elsewhere.worked_in(address):
    assert (pathlib.Path(folder) / 'metrics').read_text() == 'there'
  assert there(tmp_path) == {'metrics': 'there'}
  (kept,) = pathlib.Path(folder).parent.glob('run.kept-*')
  assert (kept / 'metrics').read_text() == 'here' and f'is kept in {kept}' in capsys.readouterr().err


@pytest.mark.parametrize('run', ['', 'none/'])
def test_what_a_fresh_run_has_forgotten_is_removed_before_anything_of_it_is_copied(machine, address, tmp_path, monkeypatch, run):
  before = {f'{run}config.json': '1', f'{run}finished.json': '', f'{run}checkpoints/1/state': '1', 'other': 'stays'}
  write(tmp_path / 'there' / 'run', **before)
  done = []
  for name in ('put', 'remove'):
    real = getattr(Storage, name)
    monkeypatch.setattr(Storage, name, lambda self, *given, name=name, real=real: (done.append((name, given[-1])), real(self, *given)))
  with elsewhere.worked_in(address, fresh=True) as folder:
    assert there(tmp_path) == before, 'until the run has forgotten it here'
    for name in before.keys() - {'other', f'{run}config.json'}:
      (pathlib.Path(folder) / name).unlink()
    write(folder, **{f'{run}config.json': '22', f'{run}metrics': '1'})
  assert done == [
    *(('remove', f'{run}finished.json'), ('remove', f'{run}checkpoints/1/state')),
    *(('put', f'{run}config.json'), ('put', f'{run}metrics')),
  ]


def test_a_folder_that_is_lost_while_it_is_worked_in_empties_nothing(machine, address, tmp_path, quick):
  with pytest.raises(
    UserError, match=r'A folder stays while it is worked in\. Received: .*, which somebody has removed\. Nothing is removed elsewhere'
  ):
    with elsewhere.worked_in(address) as folder:
      write(folder, metrics='1')
      until(lambda: there(tmp_path) == {'metrics': '1'})
      shutil.rmtree(folder)
      time.sleep(0.3)
  assert there(tmp_path) == {'metrics': '1'}


def test_a_start_that_fails_leaves_what_was_not_copied_in_its_place(machine, address, tmp_path, monkeypatch, quick):
  def broken(*given):
    raise UserError('Nobody answers.')

  with monkeypatch.context() as outage, pytest.raises(UserError), elsewhere.worked_in(address) as folder:
    write(folder, metrics='1')
    outage.setattr(Storage, 'put', broken)
  for _ in range(2):
    with monkeypatch.context() as outage, pytest.raises(UserError, match='Nobody answers'):
      outage.setattr(Storage, 'listed', broken)
      with elsewhere.worked_in(address):
        pass
  with elsewhere.worked_in(address):
    pass
  assert there(tmp_path) == {'metrics': '1'} and not [*pathlib.Path(folder).parent.glob('*.kept-*')]


def test_one_that_slept_asks_before_it_writes(machine, address, tmp_path, quick):
  with pytest.raises(UserError, match=r'which one on other has taken over\. What is not there is in .*run\.$'):
    with elsewhere.worked_in(address) as folder:
      write(folder, metrics='mine')
      write(tmp_path / 'there' / 'run', **{ownership.NAME: json.dumps({'token': 'new', 'host': 'other'}), 'metrics': 'theirs'})
  assert there(tmp_path) == {'metrics': 'theirs'}


def test_a_cache_that_cannot_be_written_is_an_error_of_one_line(address, tmp_path, monkeypatch):
  (tmp_path / 'file').write_text('')
  (tmp_path / 'there' / 'run').mkdir()
  write(tmp_path / 'there' / 'run', metrics='1')
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file'))
  with pytest.raises(UserError, match=r'can be written\. Received: .* Set XDG_CACHE_HOME to another\.$'), elsewhere.worked_in(address):
    pass
  with pytest.raises(UserError, match='can be written'):
    elsewhere.fetched(address)


def test_one_that_was_taken_over_is_interrupted_and_writes_no_more(machine, address, tmp_path, quick, monkeypatch, capsys):
  monkeypatch.setattr(ownership, '_SECONDS', 0.05)
  with pytest.raises(KeyboardInterrupt), elsewhere.worked_in(address) as folder:
    write(tmp_path / 'there' / 'run', **{ownership.NAME: json.dumps({'token': 'new', 'host': 'other'})})
    try:
      for _ in range(200):
        time.sleep(0.05)
    except KeyboardInterrupt:
      write(folder, metrics='mine')
      raise
  assert there(tmp_path) == {} and 'which one on other has taken over. What is not there is in' in capsys.readouterr().err
  assert json.loads((tmp_path / 'there' / 'run' / ownership.NAME).read_text())['token'] == 'new'


def test_a_walk_passes_over_what_vanishes(tmp_path):
  stop = threading.Event()

  def churn():
    while not stop.is_set():
      write(tmp_path / 'run', **{f'{number}/a': '' for number in range(20)})
      shutil.rmtree(tmp_path / 'run')

  churning = threading.Thread(target=churn)
  churning.start()
  for _ in range(300):
    mirror._stats(tmp_path / 'run')
  stop.set()
  churning.join()


def test_names_that_leave_the_folder_are_refused(machine, address, tmp_path, monkeypatch):
  write(tmp_path / 'there' / 'run', metrics='1')
  monkeypatch.setattr(Storage, 'listed', lambda self, part: {'../../outside': '1'})
  with pytest.raises(UserError, match=r'Names of files stay in their folder\. Received: .*outside'):
    elsewhere.fetched(address)


def test_a_part_that_another_process_works_in_comes_when_it_is_taken_and_stays_there(machine, address, tmp_path, quick):
  with elsewhere.worked_in(address) as folder:
    held, here = mirror.stood_for(pathlib.Path(folder)), pathlib.Path(folder)
    assert held.address == address and mirror.stood_for(here / 'runs') is None
    write(folder, config='1')
    write(tmp_path / 'there' / 'run' / 'runs', **{'a/state': '1', 'a/old': '1', f'a/{ownership.NAME}': '{}', 'ab/state': '1'})
    held.push()
    held.take('runs/a')
    assert sorted(path.name for path in here.rglob('[!.]*') if path.is_file()) == ['config', 'old', 'state']
    assert not (here / 'runs' / 'a' / ownership.NAME).exists()
    write(tmp_path / 'there' / 'run' / 'runs', **{'a/state': '22'})
    (tmp_path / 'there' / 'run' / 'runs' / 'a' / 'old').unlink()
    held.push()
    assert there(tmp_path)['runs/a/state'] == '22', 'what has not changed here stays what it is there'
    held.take('runs/a')
    assert (here / 'runs' / 'a' / 'state').read_text() == '22' and not (here / 'runs' / 'a' / 'old').exists()
    write(folder, **{'runs/a/state': '333'})
  assert mirror.stood_for(here) is None
  found = there(tmp_path)
  assert found.pop(f'runs/a/{ownership.NAME}') == '{}'
  assert found == {'config': '1', 'runs/a/state': '333', 'runs/ab/state': '1'}


def test_what_others_have_done_inside_meanwhile_comes_where_it_has_not_changed_here(machine, address, tmp_path):
  with elsewhere.worked_in(address) as folder:
    write(folder, config='1', runs__a__metrics='1', runs__a__old='1', runs__b__metrics='1')
  write(tmp_path / 'there' / 'run' / 'runs', **{'a/metrics': '1 2', 'b/metrics': '1 2'})
  (tmp_path / 'there' / 'run' / 'runs' / 'a' / 'old').unlink()
  write(folder, runs__b__metrics='1 here')
  with elsewhere.worked_in(address):
    runs = pathlib.Path(folder) / 'runs'
    assert (runs / 'a' / 'metrics').read_text() == '1 2' and not (runs / 'a' / 'old').exists()
    assert (runs / 'b' / 'metrics').read_text() == '1 here', 'what this machine has changed and could not copy stays'
  assert there(tmp_path) == {'config': '1', 'runs/a/metrics': '1 2', 'runs/b/metrics': '1 here'}

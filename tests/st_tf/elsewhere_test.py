"""Folders elsewhere: what is copied and when, whose they are, and a run that is killed and goes on on another machine."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import fsspec
import pytest

from st_tf import elsewhere
from st_tf.elsewhere import Folder
from st_tf.errors import UserError
from st_tf.ticket import Ticket
from tests import tiny

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def machine(tmp_path, monkeypatch):
  """Makes this process one of another machine, with nothing in its cache."""

  def on(name: str) -> None:
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / name))

  on('first')
  return on


@pytest.fixture
def address(tmp_path):
  (tmp_path / 'there').mkdir()
  return f'file://{tmp_path / "there"}/run'


@pytest.fixture
def quick(monkeypatch):
  monkeypatch.setattr(elsewhere, '_SECONDS', 0.05)
  monkeypatch.setattr(elsewhere, '_EXPIRES', 0.2)


def write(folder: str | pathlib.Path, **contents: str) -> None:
  for name, text in contents.items():
    path = pathlib.Path(folder) / name.replace('__', '/')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def there(tmp_path) -> dict[str, str]:
  root = tmp_path / 'there' / 'run'
  return {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob('*') if path.is_file()}


def test_a_path_is_itself_and_an_address_is_none():
  assert not elsewhere.is_elsewhere('runs/here') and not elsewhere.is_elsewhere('') and elsewhere.is_elsewhere('s3://bucket/run')
  with elsewhere.worked_in('runs/here') as folder:
    assert folder == 'runs/here'
  assert elsewhere.fetched(pathlib.Path('runs/here')) == 'runs/here'


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
  assert {path.name for path in pathlib.Path(elsewhere.fetched(address)).rglob('*') if path.is_file()} == {'config', 'a'}


def test_changes_are_copied_while_work_goes_on(machine, address, tmp_path, quick):
  with elsewhere.worked_in(address) as folder:
    write(folder, metrics='one')
    _until(lambda: there(tmp_path).get('metrics') == 'one')
    write(folder, metrics='one two')
    _until(lambda: there(tmp_path).get('metrics') == 'one two')


def test_checkpoints_come_after_what_they_go_on_from_and_removals_last(machine, address, monkeypatch):
  folder = Folder(address)
  write(folder.path, checkpoints__1__state='1', **{'a/b': '', 'metrics': '1'})
  folder.push()
  (folder.path / 'checkpoints' / '1' / 'state').unlink()
  write(folder.path, checkpoints__2__state='2', metrics='12')
  done = []
  for name in ('put_file', 'rm_file'):
    real = getattr(folder._storage, name)
    monkeypatch.setattr(
      folder._storage, name, lambda *given, name=name, real=real: (done.append((name, given[-1].rpartition('run/')[2])), real(*given))
    )
  folder.push()
  assert done == [('put_file', 'metrics'), ('put_file', 'checkpoints/2/state'), ('rm_file', 'checkpoints/1/state')]
  folder.push()
  assert len(done) == 3, 'nothing has changed'


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


def test_what_could_not_be_copied_is_copied_the_next_time(machine, address, tmp_path, monkeypatch, capsys):
  def full(*given):
    raise OSError('No room')

  with monkeypatch.context() as broken, pytest.raises(UserError, match=r'at an address that answers\. Received: file://.*/run \(No room\)'):
    with elsewhere.worked_in(address) as folder:
      write(folder, metrics='1')
      broken.setattr(type(Folder(address)._storage), 'put_file', full)
  with elsewhere.worked_in(address):
    pass
  assert there(tmp_path) == {'metrics': '1'}


def test_an_error_of_the_run_stays_the_one_that_is_raised(machine, address, tmp_path, monkeypatch, capsys):
  with pytest.raises(KeyboardInterrupt), elsewhere.worked_in(address) as folder:
    write(folder, metrics='1')
    raise KeyboardInterrupt
  assert there(tmp_path) == {'metrics': '1'}
  with pytest.raises(KeyboardInterrupt), elsewhere.worked_in(address) as folder:
    (tmp_path / 'there' / 'run' / '.owner.json').write_text('{"token": "other", "host": "other"}')
    raise KeyboardInterrupt
  assert 'which other has taken over. What was trained since is in' in capsys.readouterr().err


def test_where_both_sides_have_changed_neither_is_lost(machine, address, tmp_path):
  with elsewhere.worked_in(address) as folder:
    write(folder, metrics='1')
  write(folder, metrics='here')
  write(tmp_path / 'there' / 'run', metrics='there')
  with pytest.raises(UserError, match=r'One of both sides has changed .* Received: .* with metrics, and .* with metrics\. Move .* away'):
    with elsewhere.worked_in(address):
      pass
  assert there(tmp_path) == {'metrics': 'there'} and (pathlib.Path(folder) / 'metrics').read_text() == 'here'


def test_one_process_works_in_a_folder(machine, address, quick):
  with elsewhere.worked_in(address):
    machine('second')
    with pytest.raises(UserError, match=r'One process at a time works in a folder\. Received: .*, in which .* does\. Wait for it'):
      with elsewhere.worked_in(address):
        pass


def test_the_folder_of_one_that_gives_no_sign_is_taken_over(machine, address, tmp_path, quick, capsys):
  write(tmp_path / 'there' / 'run', **{'.owner.json': json.dumps({'token': 'dead', 'host': 'other'}), 'metrics': '1'})
  with elsewhere.worked_in(address) as folder:
    assert 'Waiting up to' in capsys.readouterr().out and (pathlib.Path(folder) / 'metrics').read_text() == '1'
  assert there(tmp_path) == {'metrics': '1'}


def test_one_that_was_taken_over_writes_no_more(machine, address, tmp_path, quick, capsys):
  with pytest.raises(UserError, match='which other has taken over'), elsewhere.worked_in(address) as folder:
    write(tmp_path / 'there' / 'run', **{'.owner.json': json.dumps({'token': 'new', 'host': 'other'})})
    time.sleep(0.2)
    write(folder, metrics='mine')
  assert 'metrics' not in there(tmp_path) and json.loads(there(tmp_path)['.owner.json'])['token'] == 'new'
  assert capsys.readouterr().err.count('has taken over') == 1, 'said once'


@pytest.mark.parametrize('address', ['nowhere://bucket/run', 's3://', 'http://127.0.0.1:9/run'])
def test_what_does_not_answer_is_an_error_of_one_line(machine, address, monkeypatch):
  monkeypatch.setenv('AWS_ENDPOINT_URL', 'http://127.0.0.1:9')
  with pytest.raises(
    UserError, match=rf'^(A folder elsewhere is at an address that answers|What is read is there)\. Received: {address.rstrip("/")}'
  ):
    elsewhere.fetched(address)


def test_names_that_leave_the_folder_are_refused(machine, address, tmp_path, monkeypatch):
  write(tmp_path / 'there' / 'run', metrics='1')
  monkeypatch.setattr(Folder, '_listed', lambda self: {'../../outside': '1'})
  with pytest.raises(UserError, match=r'Names of files stay in their folder\. Received: .*outside'):
    elsewhere.fetched(address)


def test_machines_that_share_a_folder_mount_it(machine, address, monkeypatch):
  with pytest.raises(UserError, match=r'Machines that share a --workdir see it as a folder\. Received: .*\. Mount it'):
    with elsewhere.worked_in(address, is_shared=True):
      pass


def test_a_ticket_is_read_from_there(machine, tiny_ticket, address, tmp_path):
  tiny_ticket.save(tmp_path / 'there' / 'run')
  assert Ticket.load(address).fingerprint == tiny_ticket.fingerprint
  with pytest.raises(UserError, match='What is read is there'):
    Ticket.load(f'{address}/nothing')


@pytest.fixture
def bucket(monkeypatch):
  """Address of a bucket of a local server that speaks S3."""
  from moto.server import ThreadedMotoServer

  for name, value in {'AWS_ACCESS_KEY_ID': 'me', 'AWS_SECRET_ACCESS_KEY': 'secret', 'AWS_DEFAULT_REGION': 'us-east-1'}.items():
    monkeypatch.setenv(name, value)
  server = ThreadedMotoServer(port=0)
  server.start()
  try:
    host, port = server.get_host_and_port()
    monkeypatch.setenv('AWS_ENDPOINT_URL', f'http://{host}:{port}')
    with contextlib.suppress(FileExistsError):  # Of a test before.
      fsspec.filesystem('s3', skip_instance_cache=True).mkdir('bucket')
    yield 's3://bucket'
  finally:
    server.stop()


@pytest.mark.parametrize('storage', ['s3', 'memory'])
def test_storages_without_folders_do_as_well(storage, bucket, machine):
  address = f'{bucket}/runs/one' if storage == 's3' else 'memory://runs/one'
  with elsewhere.worked_in(address) as folder:
    write(folder, config='1', checkpoints__7__state='seven', checkpoints__8__state='eight')
  machine('second')
  with elsewhere.worked_in(address) as folder:
    assert (pathlib.Path(folder) / 'checkpoints' / '7' / 'state').read_text() == 'seven'
    write(folder, config='2')
    (pathlib.Path(folder) / 'checkpoints' / '7' / 'state').unlink()
  machine('third')
  found = pathlib.Path(elsewhere.fetched(address))
  assert {path.relative_to(found).as_posix(): path.read_text() for path in found.rglob('*') if path.is_file()} == {
    'config': '2',
    'checkpoints/8/state': 'eight',
  }
  with pytest.raises(UserError, match='where nothing is'):
    elsewhere.fetched(f'{address}/nothing')


@pytest.mark.slow
@pytest.mark.long
def test_a_run_that_is_killed_goes_on_on_another_machine_to_the_same_ticket(bucket, machine, tmp_path):
  settings = tiny.SETTINGS | {'supernet': tiny.SPECK_SUPERNET, 'sparsity': 0.8, 'epochs': 30, 'workdir': f'{bucket}/runs/speck'}
  command = [sys.executable, '-m', 'st_tf.train', '--nodeliver', *(f'--{name}={value}' for name, value in settings.items())]
  with subprocess.Popen(command, cwd=ROOT, env=os.environ | {'PYTHONPATH': str(ROOT)}) as process:
    storage = fsspec.filesystem('s3', skip_instance_cache=True)
    with contextlib.suppress(FileNotFoundError):
      _until(lambda: process.poll() is not None or _has(storage, 'bucket/runs/speck/checkpoints'), 120)
    process.send_signal(signal.SIGKILL)
  assert process.returncode == -signal.SIGKILL
  machine('second')
  found = subprocess.run(command, cwd=ROOT, env=os.environ | {'PYTHONPATH': str(ROOT)}, capture_output=True, text=True, timeout=280)
  assert found.returncode == 0 and 'Continuing at step' in found.stdout, found.stdout + found.stderr
  expected, _ = tiny.draw(tmp_path / 'undisturbed', tiny.SPECK, epochs=30)
  assert Ticket.load(f'{bucket}/runs/speck/tickets/sparsity_0.8').fingerprint == expected.fingerprint


def _has(storage, folder: str) -> bool:
  storage.invalidate_cache()
  return storage.exists(folder) and bool(storage.find(folder))


def _until(holds, seconds: float = 10) -> None:
  end = time.monotonic() + seconds
  while not holds():
    assert time.monotonic() < end
    time.sleep(0.02)

import json
import subprocess
import sys

import pytest

from st_tf import plain
from st_tf.config import Config, Identity
from st_tf.config.request import Request
from st_tf.runs import claimed, folder, lock
from st_tf.runs.folder import WorkdirError

HELD = """
import pathlib, sys, time
from st_tf.runs.lock import Lock
held = Lock(pathlib.Path(sys.argv[1]))
print('held', flush=True)
time.sleep(60)
"""


def begun(path, **settings):
  """A folder as a run of these settings leaves it with its first checkpoint."""
  identity = Identity.of(Config.from_flat({'task': 'shapes', **settings}))
  (path / folder.CHECKPOINTS / '00000012').mkdir(parents=True)
  (path / folder.CHECKPOINTS / '00000012' / 'state.json').write_text(json.dumps({'config': identity.fingerprint}))
  (path / folder.CONFIG).write_text(identity.settings.to_json())
  (path / folder.DIGESTS).write_text(json.dumps(plain.sealed(identity.digests)))


def test_other_settings_than_the_runs_are_refused_by_its_configuration_alone(tmp_path):
  begun(tmp_path, epochs=30, seed=3)
  claimed.check_same(tmp_path, Request.of({'task': 'shapes', 'epochs': 30, 'data_dir': 'elsewhere', 'keep_checkpoints': 5}))
  claimed.check_same(tmp_path, Request.of({}))
  with pytest.raises(WorkdirError) as error:
    claimed.check_same(tmp_path, Request.of({'epochs': 40, 'seed': 4}))
  assert f'Received: --epochs=40 (was 30), --seed=4 (was 3) in {tmp_path}. Every schedule depends on --epochs' in str(error.value)
  with pytest.raises(WorkdirError, match=r'--sparsity=0\.8 \(was 0\.9\) in [^.]*\. Go back'):
    claimed.check_same(tmp_path, Request({}, {'sparsity': [0.8]}))


def test_what_the_configuration_does_not_tell_is_left_for_later(tmp_path):
  claimed.check_same(tmp_path / 'none', Request.of({'epochs': 40}))
  begun(tmp_path, epochs=30)
  claimed.check_same(tmp_path, Request.of({'weights': 'none', 'supernet': 'mobile'}))
  other = Config.from_flat({'task': 'shapes', 'epochs': 31})
  (tmp_path / folder.CONFIG).write_text(other.to_json())
  claimed.check_same(tmp_path, Request.of({'epochs': 30}))
  (tmp_path / folder.CONFIG).write_text('{"epochs": ')
  claimed.check_same(tmp_path, Request.of({'epochs': 40}))


def test_a_folder_without_anything_to_lose_is_anybodys(tmp_path):
  (tmp_path / folder.CONFIG).write_text(Config.from_flat({'epochs': 30}).to_json())
  claimed.check_same(tmp_path, Request.of({'epochs': 40}))


@pytest.mark.parametrize(
  ('settings', 'name'),
  [
    ({'task': 'shapes', 'supernet': 'tiny', 'seed': 3}, 'shapes-supertickets-tiny-3'),
    ({'task': 'folder:some/place', 'supernet': 'nets/mine.json', 'method': 'dense'}, 'folder_some_place-dense-mine-0'),
  ],
)
def test_the_default_workdir_is_named_by_the_run(settings, name):
  assert claimed.default_path(Config.from_flat(settings)).as_posix() == f'runs/{name}'


def test_the_default_workdir_is_looked_at_where_the_network_says_which_it_is(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  begun(tmp_path / 'runs' / 'shapes-supertickets-tiny-0', supernet='tiny', epochs=30)
  wanted = {'task': 'shapes', 'supernet': 'tiny'}
  with pytest.raises(WorkdirError, match=r'--epochs=40 \(was 30\) in .*runs/shapes-supertickets-tiny-0'):
    claimed.check('', Request.of(wanted | {'epochs': 40}), fresh=False)
  claimed.check('', Request.of(wanted | {'epochs': 30}), fresh=False)
  claimed.check('', Request.of(wanted | {'epochs': 40}), fresh=True)
  claimed.check('', Request.of(wanted | {'epochs': 40, 'seed': 1}), fresh=False)
  claimed.check('', Request.of({'task': 'shapes', 'epochs': 40}), fresh=False)


def test_the_folder_of_a_moved_ticket_is_looked_at_in_its_first_training(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'ticket').mkdir()
  (tmp_path / 'ticket' / 'ticket.json').write_text('{"fingerprint": "0123456789abcdef01"}')
  moved = {'method': 'transfer', 'epochs': 30, 'init_from': str(tmp_path / 'ticket')}
  for root in ('moved', 'runs/shapes-transfer-01234567-0'):
    begun(tmp_path / root / 'none', **moved)
  (tmp_path / 'config.json').write_text('{"method": "supertickets", "sparsity": [0.5], "epochs": 40}')
  for path in ('moved', ''):
    with pytest.raises(WorkdirError, match=r'--epochs=40 \(was 30\) in .*none\.'):
      claimed.check_transfer(path, Request.of({'task': 'shapes', 'epochs': 40}), 'ticket', fresh=False)
    claimed.check_transfer(path, Request.of({'task': 'shapes', 'epochs': 30}), 'ticket', fresh=False)
    claimed.check_transfer(path, Request.of({'task': 'shapes'}, str(tmp_path / 'config.json')), 'ticket', fresh=False)
    claimed.check_transfer(path, Request.of({'task': 'shapes', 'epochs': 40}), 'ticket', fresh=True)


def test_a_folder_that_another_process_uses_is_refused_and_one_that_none_uses_is_not(tmp_path):
  claimed.check_free(tmp_path)
  with subprocess.Popen([sys.executable, '-c', HELD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
    try:
      assert process.stdout.readline() == 'held\n'
      with pytest.raises(WorkdirError, match=rf'One process at a time uses a workdir\. Received: {tmp_path}, which another one uses'):
        claimed.check(tmp_path, Request.of({}), fresh=True)
      claimed.check(tmp_path, Request.of({}), fresh=False, asks_others=False)
    finally:
      process.kill()
      process.wait()
  claimed.check_free(tmp_path)
  lock.Lock(tmp_path).release()

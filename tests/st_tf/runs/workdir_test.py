import dataclasses
import errno
import gc
import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

from st_tf.runs import folder
from st_tf.runs.folder import WorkdirError
from st_tf.runs.workdir import Workdir
from st_tf.training.state import State
from tests import tiny

ROOT = pathlib.Path(__file__).resolve().parents[2]


def state(step: int) -> State:
  return State({'step': step, 'sums': {'loss': 0.5}}, {'value/kernel': np.full((2, 3), step, np.float32), 'slot/calls': np.int64(step)})


@pytest.fixture
def workdir(tmp_path):
  return Workdir(tmp_path / 'run', tiny.config())


def test_a_half_written_checkpoint_is_none_and_goes_when_the_run_continues(workdir):
  workdir.checkpoints.save(state(4))
  half = workdir.path / 'checkpoints/.00000008.unfinished'
  half.mkdir()
  (half / 'state.safetensors').write_bytes(b'half')
  assert workdir.checkpoints.latest().facts['step'] == 4
  assert Workdir(workdir.path, tiny.config()).checkpoints.latest().facts['step'] == 4
  assert not half.exists()


def test_the_same_settings_continue(tmp_path):
  Workdir(tmp_path, tiny.config()).checkpoints.save(state(6))
  assert Workdir(tmp_path, tiny.config()).checkpoints.latest().facts['step'] == 6


def test_settings_that_do_not_change_the_result_may_differ(tmp_path):
  Workdir(tmp_path, tiny.config()).checkpoints.save(state(6))
  config = tiny.config(keep_checkpoints=5)
  Workdir(tmp_path, dataclasses.replace(config, data=dataclasses.replace(config.data, data_dir='elsewhere')))


@pytest.mark.parametrize('left', ['checkpoint', 'ticket'])
def test_other_settings_are_refused_by_the_names_of_their_flags(tmp_path, left):
  workdir = Workdir(tmp_path, tiny.config())
  if left == 'checkpoint':
    workdir.checkpoints.save(state(6))
  else:
    workdir.ticket_path(0.8).mkdir(parents=True)
  with pytest.raises(WorkdirError) as error:
    Workdir(tmp_path, tiny.config(sparsity=(0.5, 0.9), optimizer='adamw'))
  assert '--sparsity=0.5,0.9 (was 0.8)' in str(error.value) and '--optimizer=adamw (was sgd)' in str(error.value)
  assert '--fresh' in str(error.value) and '--seed' not in str(error.value)


def test_a_run_that_left_nothing_may_begin_again_with_other_settings(tmp_path):
  Workdir(tmp_path, tiny.config()).history.record({'event': 'prune', 'step': 3})
  assert Workdir(tmp_path, tiny.config(epochs=9)).checkpoints.latest() is None
  assert json.loads((tmp_path / 'config.json').read_text())['epochs'] == 9


def test_other_epochs_are_refused_with_the_reason(tmp_path):
  Workdir(tmp_path, tiny.config()).checkpoints.save(state(6))
  with pytest.raises(WorkdirError, match=r'--epochs=9 \(was 4\).* a longer run is another run from its first step'):
    Workdir(tmp_path, tiny.config(epochs=9))


def test_a_config_that_no_run_wrote_is_refused(tmp_path):
  Workdir(tmp_path, tiny.config()).checkpoints.save(state(6))
  (tmp_path / 'config.json').write_text('{"epochs": "many"')
  with pytest.raises(WorkdirError, match=r'config\.json is what a run wrote.* --fresh to start over'):
    Workdir(tmp_path, tiny.config())


def test_fresh_forgets_the_run_and_leaves_other_files(tmp_path):
  workdir = Workdir(tmp_path, tiny.config())
  workdir.checkpoints.save(state(6))
  workdir.history.record({'event': 'epoch', 'step': 6})
  (workdir.ticket_path(0.8)).mkdir(parents=True)
  (tmp_path / 'notes.txt').write_text('mine')
  workdir = Workdir(tmp_path, tiny.config(epochs=9), fresh=True)
  assert workdir.checkpoints.latest() is None and workdir.history.rows() == [] and list(workdir.tickets()) == []
  assert (tmp_path / 'notes.txt').read_text() == 'mine'


def test_a_run_belongs_to_what_is_in_the_files_of_its_settings_and_not_to_where_they_lie(tmp_path):
  file, moved = tmp_path / 'network.json', tmp_path / 'moved.json'
  file.write_text('first')
  Workdir(tmp_path / 'run', tiny.config(supernet=str(file))).checkpoints.save(state(4))
  file.rename(moved)
  assert Workdir(tmp_path / 'run', tiny.config(supernet=str(moved))).checkpoints.latest() is not None
  moved.write_text('second')
  with pytest.raises(WorkdirError, match=r'Received: --supernet=.*moved\.json \(other contents than it had\) in'):
    Workdir(tmp_path / 'run', tiny.config(supernet=str(moved)))
  moved.write_text('first')
  assert Workdir(tmp_path / 'run', tiny.config(supernet=str(moved))).checkpoints.latest() is not None, 'put back, it goes on'
  moved.unlink()
  with pytest.raises(WorkdirError, match=r'Received: --supernet=.*moved\.json \(not there any more\) in'):
    Workdir(tmp_path / 'run', tiny.config(supernet=str(moved)))
  (tmp_path / 'run' / 'finished.json').write_text('[]')
  assert Workdir(tmp_path / 'run', tiny.config(supernet=str(moved))).checkpoints.latest() is not None, 'what is finished needs it no more'
  (tmp_path / 'run' / 'contents.json').unlink()
  moved.write_text('second')
  Workdir(tmp_path / 'run', tiny.config(supernet=str(moved)))
  assert not (tmp_path / 'run' / 'contents.json').exists(), 'a run that says nothing of its files is not given those of today'


def test_fresh_leaves_a_folder_alone_that_is_no_run_s(tmp_path):
  (tmp_path / 'tickets').mkdir()
  with pytest.raises(WorkdirError, match=r"--fresh empties a run's folder only\. Received: .* no config\.json"):
    Workdir(tmp_path, tiny.config(), fresh=True)
  assert (tmp_path / 'tickets').is_dir()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
  (tmp_path / 'file').write_text('no folder')
  with pytest.raises(WorkdirError, match=r'--workdir is a folder that can be written\. Received: .*file/run'):
    Workdir(tmp_path / 'file' / 'run', tiny.config())
  with pytest.raises(WorkdirError, match=r'--workdir is a folder that can be written'):
    Workdir(tmp_path / 'file', tiny.config())


def test_tickets_are_named_by_their_sparsity(workdir):
  for sparsity in (0.9, 0.5, 0.0, 0.95):
    workdir.ticket_path(sparsity).mkdir(parents=True)
  assert [path.name for path in workdir.tickets()] == ['sparsity_0', 'sparsity_0.5', 'sparsity_0.9', 'sparsity_0.95']


@pytest.mark.slow
def test_a_second_process_is_kept_out(tmp_path):
  workdir = Workdir(tmp_path, tiny.config())
  script = 'import sys\nfrom st_tf import command\nfrom tests import tiny\nfrom st_tf.runs.workdir import Workdir\n'
  script += 'command.run(lambda argv: Workdir(argv[1], tiny.config()) and None)'
  environment = os.environ | {'PYTHONPATH': str(ROOT)}
  found = subprocess.run(
    [sys.executable, '-c', script, str(tmp_path)], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
  )
  assert found.returncode == 2 and 'One process at a time uses a workdir' in found.stderr
  del workdir


def test_a_full_disk_at_the_start_keeps_the_run(tmp_path, monkeypatch):
  Workdir(tmp_path, tiny.config()).checkpoints.save(state(6))

  def full(*args, **kwargs):
    raise OSError(errno.ENOSPC, 'No space left on device')

  with monkeypatch.context() as patch:
    patch.setattr('st_tf.files.write_text', full)
    with pytest.raises(WorkdirError, match=r'--workdir has room\. Received: .*No space left.*give the same call again'):
      Workdir(tmp_path, tiny.config())
  workdir = Workdir(tmp_path, tiny.config())
  with monkeypatch.context() as patch:
    patch.setattr('st_tf.files.write_text', full)
    with pytest.raises(WorkdirError, match=r'metrics\.jsonl can be written\. Received: .*No space left'):
      workdir.history.rewind(6)
  assert workdir.checkpoints.latest().facts['step'] == 6


@pytest.mark.slow
def test_fresh_that_dies_at_any_moment_can_be_given_again(tmp_path, monkeypatch):
  left, calls = [0], []

  def dying(what):
    def call(*args, **kwargs):
      calls.append(what)
      left[0] -= 1
      if left[0] == 0:
        raise KeyboardInterrupt
      return what(*args, **kwargs)

    return call

  def begun(path):
    workdir = Workdir(path, tiny.config(epochs=9))
    workdir.checkpoints.save(state(6))
    ticket = workdir.ticket_path(0.8)
    ticket.mkdir(parents=True)
    (ticket / 'ticket.json').write_text('{}')
    folder.finish(workdir.path)
    assert workdir.is_finished
    workdir.close()

  moment = 0
  while True:
    moment, path = moment + 1, tmp_path / f'run{moment}'
    begun(path)
    left[0] = moment
    with monkeypatch.context() as patch:
      for module, name in ((os, 'replace'), (shutil, 'rmtree'), (pathlib.Path, 'unlink')):
        patch.setattr(module, name, dying(getattr(module, name)))
      try:
        Workdir(path, tiny.config(), fresh=True).close()
        break
      except KeyboardInterrupt:
        gc.collect()
    whole = (path / 'tickets' / 'sparsity_0.8' / 'ticket.json').exists()
    assert whole or not (path / 'finished.json').exists(), 'what is half removed does not count as finished'
    again = Workdir(path, tiny.config(), fresh=True)
    assert again.checkpoints.latest() is None and not again.tickets() and not again.is_finished
    again.close()
    assert not [entry.name for entry in path.iterdir() if entry.name.startswith('.') and entry.name != '.lock']
  assert moment > 10


def test_a_ticket_whose_run_died_while_it_was_replaced_is_found_again(tmp_path):
  workdir = Workdir(tmp_path, tiny.config())
  workdir.ticket_path(0.8).mkdir(parents=True)
  workdir.ticket_path(0.8).rename(workdir.ticket_path(0.8).with_name('.sparsity_0.8.replaced'))
  workdir.close()
  assert [path.name for path in Workdir(tmp_path, tiny.config()).tickets()] == ['sparsity_0.8']


def test_a_lock_that_is_a_link_is_not_followed(tmp_path):
  (tmp_path / 'victim').write_text('mine')
  (tmp_path / 'run').mkdir()
  (tmp_path / 'run' / '.lock').symlink_to(tmp_path / 'victim')
  with pytest.raises(WorkdirError, match='can be written'):
    Workdir(tmp_path / 'run', tiny.config())
  assert (tmp_path / 'victim').read_text() == 'mine'

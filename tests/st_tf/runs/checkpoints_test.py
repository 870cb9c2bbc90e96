import errno
import os

import numpy as np
import pytest

from st_tf import files
from st_tf.runs.checkpoints import Checkpoints
from st_tf.training.state import State
from tests import tiny


def state(step: int) -> State:
  return State({'step': step, 'sums': {'loss': 0.5}}, {'value/kernel': np.full((2, 3), step, np.float32), 'slot/calls': np.int64(step)})


def saved(folder) -> list[str]:
  return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def folder(tmp_path):
  return tmp_path / 'checkpoints'


@pytest.fixture
def checkpoints(folder):
  return Checkpoints(folder, 2)


def test_a_checkpoint_comes_back_as_it_was(checkpoints):
  assert checkpoints.latest() is None
  assert checkpoints.save(state(6))
  tiny.same_state(checkpoints.latest(), state(6))


def test_the_last_checkpoints_are_kept(folder):
  checkpoints = Checkpoints(folder, 3)
  for step in (4, 8, 90, 100, 1000):
    checkpoints.save(state(step))
  assert saved(folder) == ['00000090', '00000100', '00001000']
  assert checkpoints.latest().facts['step'] == 1000


@pytest.mark.parametrize('damage', ['cut', 'emptied', 'no arrays', 'no facts', 'other values', 'half a text', 'a list'])
def test_a_broken_checkpoint_is_reported_and_the_one_before_it_used(checkpoints, folder, capsys, damage):
  checkpoints.save(state(4))
  checkpoints.save(state(8))
  arrays, facts = folder / '00000008/state.safetensors', folder / '00000008/state.json'
  if damage == 'no arrays':
    arrays.unlink()
  elif damage == 'no facts':
    facts.unlink()
  elif damage in ('cut', 'emptied'):
    os.truncate(arrays, arrays.stat().st_size // 2 if damage == 'cut' else 0)
  elif damage == 'other values':
    files.write_arrays(arrays, state(9).arrays)
  else:
    facts.write_text('[1, 2]' if damage == 'a list' else facts.read_text()[:20])
  tiny.same_state(checkpoints.latest(), state(4))
  message = capsys.readouterr().err
  assert '00000008 is broken' in message and 'using the one before it' in message


def test_when_every_checkpoint_is_broken_the_run_starts_over_and_says_so(checkpoints, folder, capsys):
  checkpoints.save(state(4))
  (folder / '00000004/state.json').write_text('')
  assert checkpoints.latest() is None
  assert 'starts from the beginning' in capsys.readouterr().err


def test_a_broken_checkpoint_does_not_count_as_one_of_those_that_are_kept(checkpoints, folder):
  for step in (4, 8):
    checkpoints.save(state(step))
  (folder / '00000008/state.json').write_text('')
  checkpoints.latest()
  checkpoints.save(state(12))
  assert saved(folder) == ['00000004', '00000012', 'broken_00000008']


def test_a_full_disk_is_reported_and_the_checkpoint_before_stays(checkpoints, folder, capsys, monkeypatch):
  checkpoints.save(state(4))

  def full(path, arrays):
    path.write_bytes(b'half')
    raise OSError(errno.ENOSPC, 'No space left on device')

  with monkeypatch.context() as patch:
    patch.setattr(files, 'write_arrays', full)
    assert not checkpoints.save(state(8))
  assert 'no checkpoint at step 8' in capsys.readouterr().err
  assert saved(folder) == ['00000004']
  tiny.same_state(checkpoints.latest(), state(4))


def test_what_is_half_written_is_no_checkpoint_and_goes(checkpoints, folder):
  assert not checkpoints.any()
  half = folder / '.00000008.unfinished'
  half.mkdir(parents=True)
  (half / 'state.safetensors').write_bytes(b'half')
  assert not checkpoints.any() and checkpoints.latest() is None
  checkpoints.save(state(4))
  checkpoints.tidy()
  assert checkpoints.any() and saved(folder) == ['00000004']

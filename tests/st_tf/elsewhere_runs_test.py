"""Runs on a local server that speaks S3, and in memory: one that is killed goes on on another machine."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys

import fsspec
import pytest

from st_tf import elsewhere
from st_tf.errors import UserError
from st_tf.ticket import Ticket
from tests import tiny
from tests.folders_elsewhere import until, write

ROOT = pathlib.Path(__file__).resolve().parents[2]


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
  assert {path.relative_to(found).as_posix(): path.read_text() for path in found.rglob('[!.]*') if path.is_file()} == {
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
      until(lambda: process.poll() is not None or _has(storage, 'bucket/runs/speck/checkpoints'), 120)
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

import pathlib
import subprocess
import sys

import pytest

from st_tf.errors import Interrupted
from st_tf.runs import lock

ROOT = pathlib.Path(__file__).resolve().parents[3]
HOLDER = """
import pathlib, sys
from st_tf.runs.lock import Lock
held = Lock(pathlib.Path(sys.argv[1]))
print("held", flush=True)
input()
"""


@pytest.fixture
def holder(tmp_path):
  """A process that holds the lock until it reads a line."""
  process = subprocess.Popen(
    [sys.executable, '-c', HOLDER, str(tmp_path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
  )
  assert process.stdout.readline() == 'held\n'
  yield process
  process.communicate()


def test_a_folder_that_is_in_use_is_refused(holder, tmp_path):
  with pytest.raises(BlockingIOError):
    lock.Lock(tmp_path)
  holder.communicate('go\n')
  lock.Lock(tmp_path).release()


def test_whoever_waits_says_so_and_comes_in_when_the_other_has_gone(holder, tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(lock.time, 'sleep', lambda seconds: holder.poll() is None and holder.communicate('go\n'))
  lock.Lock(tmp_path, wait=True).release()
  assert capsys.readouterr().out == f'Waiting for another process, which trains {tmp_path.name}.\n'


def test_whoever_is_asked_to_stop_waits_no_longer(holder, tmp_path, monkeypatch):
  monkeypatch.setattr(lock.time, 'sleep', lambda seconds: None)
  with pytest.raises(Interrupted, match='SIGINT: stopped while waiting'):
    lock.Lock(tmp_path, wait=True, asked_to_stop=lambda: 'SIGINT')

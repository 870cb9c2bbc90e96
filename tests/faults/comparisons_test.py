"""Comparisons that get in each other's way, and trainings that the system ends."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from st_tf.comparing.comparison import Comparison
from st_tf.comparing.options import Options
from st_tf.config.request import Request
from st_tf.errors import UserError
from tests import tiny

ROOT = pathlib.Path(__file__).resolve().parents[2]
HELD = """
import sys
from st_tf.runs.lock import Lock
held = Lock(__import__('pathlib').Path(sys.argv[1]))
print('held', flush=True)
sys.stdin.readline()
"""


def comparison(folder: pathlib.Path, **options) -> Comparison:
  settings = {name: value for name, value in tiny.SETTINGS.items() if name != 'sparsity'} | {'supernet': str(tiny.SPECK_SUPERNET)}
  return Comparison.prepared(
    Request.of(settings), Options(methods='gmp', sparsities=(0.5,), seeds=1, workdir=str(folder), **options), 'the command'
  )


def test_a_second_comparison_in_a_folder_is_refused_and_leaves_table_and_runs_alone(tmp_path, monkeypatch):
  (tmp_path / 'comparison.csv').write_text('of the first')
  started = []
  monkeypatch.setattr('st_tf.comparing.work.runner.run', lambda work, *rest: started.extend(work) or iter(()))
  command = [sys.executable, '-c', HELD, str(tmp_path)]
  with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
    assert first.stdout.readline() == 'held\n'
    with pytest.raises(
      UserError, match=r'One comparison at a time goes on in a folder\. Received: .*Wait for it, or use another --workdir'
    ):
      comparison(tmp_path).run()
    with pytest.raises(UserError, match=r'--collect makes a table of recorded runs\. Received: none'):
      comparison(tmp_path, collect=True).run()
    assert not started and (tmp_path / 'comparison.csv').read_text() == 'of the first'
    first.communicate('\n')
  comparison(tmp_path).run()
  comparison(tmp_path).run()
  assert len(started) == 2 and started[0] == started[1] and (tmp_path / 'comparison.csv').read_text() != 'of the first'


def _children(pid: int) -> list[int]:
  """Processes that another one has started."""
  found = []
  for task in pathlib.Path(f'/proc/{pid}/task').glob('*/children'):
    found += [int(child) for child in task.read_text().split()]
  return found


def _training(pid: int, workdir: pathlib.Path) -> int:
  """The process of a training that a comparison has started, once it has taken a step worth a checkpoint."""
  end = time.monotonic() + 120
  while time.monotonic() < end:
    if list(workdir.glob('runs/*/checkpoints/0*')):
      for child in _children(pid):
        if b'st_tf.train' in pathlib.Path(f'/proc/{child}/cmdline').read_bytes():
          return child
    time.sleep(0.02)
  raise TimeoutError('no training was started')


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(
  not pathlib.Path(f'/proc/self/task/{os.getpid()}/children').exists(), reason='this system does not list child processes'
)
def test_a_training_that_the_system_kills_is_a_line_in_the_table_and_goes_on_next_time(tmp_path):
  given = {'methods': 'dense', 'sparsities': 0.5, 'seeds': 1, 'jobs': 1, 'epochs': 24, 'split': 'validation'}
  settings = tiny.SETTINGS | given | {'supernet': tiny.SPECK_SUPERNET, 'workdir': tmp_path / 'run'}
  del settings['sparsity']
  command = [sys.executable, '-m', 'st_tf.compare', *(f'--{name}={value}' for name, value in settings.items())]

  def compared(kill: bool) -> tuple[int, str]:
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
      if kill:
        os.kill(_training(process.pid, tmp_path / 'run'), signal.SIGKILL)
      said, _ = process.communicate(timeout=200)
    return process.returncode, said

  code, said = compared(kill=True)
  assert code == 1 and 'ended by SIGKILL' in said and 'Traceback' not in said, said
  assert 'takes too much memory' in (tmp_path / 'run' / 'comparison.md').read_text()
  (saved,) = [min(path.name for path in folder.glob('0*')) for folder in (tmp_path / 'run').glob('runs/*/checkpoints')]
  assert int(saved) > 0
  code, said = compared(kill=False)
  assert code == 0 and 'SIGKILL' not in said, said
  (row,) = json.loads((tmp_path / 'run' / 'comparison.json').read_text())['rows']
  assert not row['errors'] and row['seeds'] == 1

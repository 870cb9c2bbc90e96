"""One run, killed at fifty random moments and more: its tickets, scores, files and history are those of a run that nobody disturbed."""

import json
import pathlib
import subprocess
import sys

import pytest

from st_tf.arch import presets
from tests import tiny
from tests.st_tf.runs.resume_test import result

ROOT = pathlib.Path(__file__).resolve().parents[2]
SETTINGS = {
  'epochs': 48,
  'sparsity': '0.5,0.8',
  'target_macs': 0.75,
  'search_interval': 0.2,
  'prune_interval': 0.02,
  'minimum_saving': 0.15,
}


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_fifty_kills_at_random_moments_change_nothing(tmp_path):
  supernet = tmp_path / 'supernet.json'
  supernet.write_text(presets.to_text(tiny.SPECK))
  flags = [f'--{name}={value}' for name, value in (tiny.SETTINGS | SETTINGS | {'supernet': supernet}).items()]
  workdir, log = tmp_path / 'run', tmp_path / 'log'
  command = [sys.executable, '-m', 'tests.faults.kills', f'--workdir={workdir}', f'--log={log}', '--', *flags]
  found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
  assert found.returncode == 0, f'{found.stderr[-2000:]}\n{log.read_text()[-3000:]}'
  assert json.loads(found.stdout.splitlines()[-1])['killed'] >= 50
  killed, expected = result(workdir), result(tmp_path / 'run_undisturbed')
  assert [row['event'] for row in expected['rows']].count('shrink') >= 1
  for part, value in expected.items():
    assert killed[part] == value, part
  assert 'broken' not in log.read_text()

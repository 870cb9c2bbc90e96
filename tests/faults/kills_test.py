"""Commands, killed at random moments: what they leave in the end is what they leave when nobody disturbs them."""

from collections.abc import Sequence
import json
import pathlib
import subprocess
import sys

import pytest

from st_tf.arch import presets
from st_tf.ticket import Ticket
from tests import tiny
from tests.st_tf.runs.resume_test import result, rows

ROOT = pathlib.Path(__file__).resolve().parents[2]
SETTINGS = {
  'epochs': 48,
  'sparsity': '0.5,0.8',
  'target_macs': 0.75,
  'search_interval': 0.2,
  'prune_interval': 0.02,
  'minimum_saving': 0.15,
}


def killed(folder: pathlib.Path, flags: Sequence[str], *how: str) -> int:
  """How often the command with these flags was killed before it came to its end in folder/run."""
  command = [sys.executable, '-m', 'tests.faults.kills', f'--workdir={folder / "run"}', f'--log={folder / "log"}', *how, '--', *flags]
  found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
  assert found.returncode == 0, f'{found.stderr[-2000:]}\n{(folder / "log").read_text()[-3000:]}'
  return json.loads(found.stdout.splitlines()[-1])['killed']


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_fifty_kills_at_random_moments_change_nothing(tmp_path):
  supernet = tmp_path / 'supernet.json'
  supernet.write_text(presets.to_text(tiny.SPECK))
  settings = tiny.SETTINGS | SETTINGS | {'supernet': supernet, 'workdir': '{}'}
  assert killed(tmp_path, [f'--{name}={value}' for name, value in settings.items()], '--most=50') == 50
  ours, expected = result(tmp_path / 'run'), result(tmp_path / 'run_undisturbed')
  assert [row['event'] for row in expected['rows']].count('shrink') >= 1
  for part, value in expected.items():
    assert ours[part] == value, part
  assert 'broken' not in (tmp_path / 'log').read_text()


@pytest.fixture(scope='module')
def ticket(tmp_path_factory):
  folder = tmp_path_factory.mktemp('source') / 'ticket'
  tiny.draw(folder.with_name('run'), tiny.SPECK, epochs=1)[0].save(folder)
  return folder


@pytest.mark.slow
def test_a_killed_export_leaves_no_half_of_a_file(ticket, tmp_path):
  flags = [f'--ticket={ticket}', '--task=module:tests.tiny', '--out={}/model.tflite', '--format=float16', '--sparse=never']
  how = ('--command=tflite.export', '--lives=1.8', '--by_time=0', '--kept=*', '--whole=model.tflite', '--seed=40')
  assert killed(tmp_path, flags, *how) >= 3
  ours, expected = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ('run', 'run_undisturbed'))
  assert ours['model.tflite'] == expected['model.tflite'] and set(ours) == set(expected) == {'model.tflite', 'model.export.json'}
  assert json.loads(ours['model.export.json'])


@pytest.mark.slow
@pytest.mark.long
def test_a_killed_move_goes_on(ticket, tmp_path):
  settings = {'task': 'module:tests.tiny', 'epochs': 6, 'batch_size': tiny.BATCH, 'workdir': '{}', 'ticket': ticket}
  kept = ','.join(f'none/{name}' for name in ('checkpoints', 'tickets', 'metrics'))
  how = ('--command=st_tf.transfer', '--lives=10', f'--kept={kept},transfer')
  assert killed(tmp_path, [f'--{name}={value}' for name, value in settings.items()], *how) >= 4
  ours, expected = (result(tmp_path / name / 'none') for name in ('run', 'run_undisturbed'))
  for part, value in expected.items():
    assert ours[part] == value, part
  tables = [json.loads((tmp_path / name / 'transfer.json').read_text())['ticket'] for name in ('run', 'run_undisturbed')]
  assert tables[0] == tables[1]


@pytest.mark.slow
@pytest.mark.long
def test_a_run_that_is_killed_in_its_stages_ends_in_the_same_ticket(tmp_path):
  own = {'method': 'search_then_lottery', 'supernet': tiny.SPECK_SUPERNET, 'epochs': 3, 'sparsity': 0.6, 'target_macs': 0.75}
  settings = tiny.SETTINGS | own | {'workdir': '{}'}
  how = ('--lives=6', '--most=5', '--kept=stages,tickets', '--seed=3')
  assert killed(tmp_path, [f'--{name}={value}' for name, value in settings.items()], *how) >= 3
  ours, expected = (_stages(tmp_path / name) for name in ('run', 'run_undisturbed'))
  assert len(expected) >= 3 and ours == expected


def _stages(workdir: pathlib.Path) -> dict[str, tuple]:
  """(fingerprint and scores of each ticket, rows) of a run and of each training that it was made of, by its folder."""
  found = {}
  for metrics in sorted(workdir.rglob('metrics.jsonl')):
    tickets = [Ticket.load(path) for path in sorted(metrics.parent.glob('tickets/sparsity_*'))]
    found[str(metrics.parent.relative_to(workdir))] = ([(ticket.fingerprint, ticket.metrics) for ticket in tickets], rows(metrics.parent))
  return found


@pytest.mark.slow
def test_a_killed_comparison_comes_to_the_same_table(tmp_path):
  supernet = tmp_path / 'supernet.json'
  supernet.write_text(presets.to_text(tiny.SPECK))
  given = {'methods': 'random,search_then_prune', 'sparsities': 0.6, 'seeds': 1, 'jobs': 2, 'epochs': 3, 'target_macs': 0.75}
  settings = tiny.SETTINGS | given | {'supernet': supernet, 'workdir': '{}'}
  del settings['sparsity']
  how = ('--command=st_tf.compare', '--by_time=1', '--longest=0', '--most=4', '--seed=2')
  assert killed(tmp_path, [f'--{name}={value}' for name, value in settings.items()], *how) >= 3
  ours, expected = (json.loads((tmp_path / name / 'comparison.json').read_text())['rows'] for name in ('run', 'run_undisturbed'))
  for row in (*ours, *expected):
    assert not row['errors']
    row.pop('training_seconds', None)
  assert ours == expected

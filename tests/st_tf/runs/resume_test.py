"""Real processes that are killed, and the same command that continues: the tickets are those of an uninterrupted run."""

import json
import os
import pathlib
import signal
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from st_tf.ticket import Ticket
from tests import kill_driver, tiny
from tflite.file.runner import Runner

ROOT = pathlib.Path(__file__).resolve().parents[2]
SETTINGS = {'supernet': tiny.SPECK_SUPERNET, 'sparsity': '0.5,0.8', 'target_macs': 0.75, 'search_interval': 0.3, 'minimum_saving': 0.1}
SEED = 20
_RANDOM = np.random.default_rng(SEED)
# Each chain is one run of 24 steps, killed at one moment after the other: (moment, how often it has come in that process).
CHAINS = {
  'one': [
    ('step', int(_RANDOM.integers(1, 6))),
    ('arrays half written', 1),
    ('shrink, weights not carried', 1),
    ('masks set, not recorded', int(_RANDOM.integers(2, 4))),
    ('model converted, not written', 1),
  ],
  'three': [
    ('shrink, network not rebuilt', 1),
    ('folder replaced', int(_RANDOM.integers(1, 4))),
    ('evaluation', 1),
    ('ticket there', 1),
    ('model written, no report', 1),
  ],
  'two': [
    ('epoch recorded, not saved', int(_RANDOM.integers(1, 3))),
    ('step', int(_RANDOM.integers(7, 12))),
    ('ranked, masks not set', int(_RANDOM.integers(2, 5))),
    ('folder about to be put in place', int(_RANDOM.integers(1, 4))),
    ('ticket recorded, not there', 1),
  ],
}


def run(workdir: pathlib.Path, moment: str = 'never', count: int = 1, **settings: Any) -> None:
  """One process of the command, killed at that moment."""
  flags = [f'--{name}={value}' for name, value in (tiny.SETTINGS | settings).items()]
  command = [sys.executable, '-m', 'tests.kill_driver', moment, str(count), *flags, f'--workdir={workdir}']
  found = subprocess.run(command, cwd=ROOT, env=os.environ | {'PYTHONPATH': str(ROOT)}, capture_output=True, text=True, timeout=280)
  expected = 0 if moment == 'never' else -signal.SIGKILL
  assert found.returncode == expected, f'{moment} {count}: {found.returncode}\n{found.stdout}\n{found.stderr}'


def rows(workdir: pathlib.Path) -> list[dict]:
  """The rows of metrics.jsonl, without the times and the checksums, which are of them too."""
  found = [json.loads(line) for line in (workdir / 'metrics.jsonl').read_text().splitlines()]
  return [{name: value for name, value in row.items() if name not in ('seconds', 'checksum')} for row in found]


def result(workdir: pathlib.Path) -> dict[str, Any]:
  """What must not depend on interruptions."""
  paths = sorted((workdir / 'tickets').glob('sparsity_*'))
  images = next(tiny.task().dataset('test', 4).as_numpy_iterator())[0]
  tickets = {path.name: Ticket.load(path) for path in paths}
  return {
    'fingerprints': {name: ticket.fingerprint for name, ticket in tickets.items()},
    'scores': {name: ticket.metrics for name, ticket in tickets.items()},
    'outputs': {path.name: Runner.load(path / 'model.tflite')(images).tolist() for path in paths},
    'reports': [(path / 'report' / 'index.html').is_file() for path in paths],
    'rows': rows(workdir),
    'checkpoints': sorted(path.name for path in (workdir / 'checkpoints').iterdir()),
  }


@pytest.fixture(scope='module')
def uninterrupted(tmp_path_factory):
  """The result of a run that nobody disturbed."""
  workdir = tmp_path_factory.mktemp('uninterrupted') / 'run'
  run(workdir, **SETTINGS)
  found = result(workdir)
  events = [row['event'] for row in found['rows']]
  assert events.count('shrink') >= 1 and events.count('prune') >= 5 and list(found['fingerprints']) == ['sparsity_0.5', 'sparsity_0.8']
  return found


def test_every_moment_is_in_a_chain():
  assert {moment for chain in CHAINS.values() for moment, _ in chain} == set(kill_driver.MOMENTS)


@pytest.mark.slow
@pytest.mark.parametrize('chain', [name if name == 'one' else pytest.param(name, marks=pytest.mark.long) for name in CHAINS])
def test_a_run_killed_five_times_ends_in_the_same_tickets(uninterrupted, tmp_path, chain):
  for moment, count in CHAINS[chain]:
    run(tmp_path / 'run', moment, count, **SETTINGS)
  run(tmp_path / 'run', **SETTINGS)
  found = result(tmp_path / 'run')
  for part, expected in uninterrupted.items():
    assert found[part] == expected, part


@pytest.mark.slow
@pytest.mark.long
def test_a_run_killed_within_an_epoch_ends_in_the_same_ticket(tmp_path):
  settings = {'epochs': 2, 'prune_begin': 0.3}
  run(tmp_path / 'killed', 'step', 9, **settings, sparsity='0.5')
  assert [row['step'] for row in rows(tmp_path / 'killed') if row['event'] == 'epoch'] == [6]
  continued, _ = tiny.draw(tmp_path / 'killed', **settings, sparsity=(0.5,))
  expected, _ = tiny.draw(tmp_path / 'undisturbed', **settings, sparsity=(0.5,))
  assert continued.fingerprint == expected.fingerprint
  assert rows(tmp_path / 'killed') == rows(tmp_path / 'undisturbed')

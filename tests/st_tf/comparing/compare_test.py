"""The function for Python: the same table as the command's, and one that a notebook shows."""

import pathlib

import pytest
import tf_keras as keras

from st_tf.comparing import table
from st_tf.comparing.compare import Compared, compare
from st_tf.comparing.comparison import Comparison
from st_tf.config import ConfigError
from st_tf.errors import UserError
from tests import tiny
from tests.conftest import ROOT
from tests.st_tf.comparing.table_test import RATES, results


def compared() -> Compared:
  return Compared(tuple(table.rows(results(), 'top1', RATES)), 'top1', 'test', pathlib.Path('out') / 'index.html')


def test_a_notebook_shows_the_table_and_what_it_says():
  shown = compared()._repr_html_()
  rows = table.rows(results(), 'top1', RATES)
  assert shown.count('<tr>') == 1 + len(rows) and '<th>Method</th>' in shown and 'index.html' in shown
  assert all(line.replace('<', '&lt;') in shown for line in table.differences(rows))


def test_a_terminal_shows_it_too():
  assert any(line.split()[:1] == ['Method'] for line in str(compared()).splitlines())


def test_a_task_in_memory_is_refused_with_the_way_out():
  with pytest.raises(ConfigError, match='find the task by its name. Received: a task in memory. Write a module'):
    compare(tiny.task())


def test_unknown_settings_are_named():
  with pytest.raises(ConfigError, match=r"Received: 'sparsitys'"):
    compare('shapes', sparsitys=(0.5,))


def test_a_model_in_memory_is_the_supernet_of_all_runs(trained_file, tmp_path, monkeypatch):
  model, seen = keras.models.load_model(trained_file), []
  monkeypatch.setattr(Comparison, 'run', lambda comparison: seen.append(comparison) or [])
  settings = tiny.SETTINGS | {'methods': ('gmp', 'dense'), 'pixels': 'signed', 'workdir': tmp_path / 'run', 'sparsities': 0.5}
  del settings['sparsity']
  assert compare(settings.pop('task'), model=model, **settings).rows == ()
  (kept,) = tmp_path.glob('run-*.keras')
  (comparison,) = seen
  assert comparison.base.supernet == f'keras:{kept}' and comparison.base.pixels == 'signed'
  with pytest.raises(ConfigError, match='kept beside the folder of the run. Received: no workdir. Write workdir=FOLDER'):
    compare('module:tests.tiny', model=model)
  with pytest.raises(UserError, match='^--workdir is a folder that all who use it see. Received: --workdir=s3://bucket/run'):
    compare('module:tests.tiny', model=model, workdir='s3://bucket/run')
  with pytest.raises(ConfigError, match="A run has one supernet. Received: model and supernet='tiny'"):
    compare('module:tests.tiny', model=model, supernet='tiny', workdir=tmp_path / 'run')


@pytest.mark.slow
@pytest.mark.long
def test_runs_of_a_trained_network_are_processes_of_their_own(trained_file, tmp_path, monkeypatch):
  monkeypatch.chdir(ROOT)
  settings = tiny.SETTINGS | {'methods': 'supertickets,gmp', 'supernet': f'keras:{trained_file}', 'pixels': 'signed', 'target_macs': 0.6}
  settings |= {'workdir': tmp_path / 'run', 'sparsities': 0.5, 'epochs': 1}
  del settings['sparsity']
  found = compare(settings.pop('task'), **settings)
  assert [row.label for row in found.rows] == ['supertickets', 'gmp'] and not any(row.errors for row in found.rows)

"""What a comparison is made of; the command's tests are of doing it."""

import pathlib
import shutil

import pytest

from st_tf.comparing.comparison import Comparison
from st_tf.comparing.options import Options
from st_tf.config import ConfigError
from st_tf.config.request import Request
from st_tf.ticket import Ticket
from tests import tiny
from tests.st_tf.comparing import pretended
from tests.st_tf.comparing.pretended import Launch


def comparison(tmp_path: pathlib.Path, **options) -> Comparison:
  settings = {name: value for name, value in tiny.SETTINGS.items() if name != 'sparsity'} | {'supernet': str(tiny.SUPERNET)}
  options = Options(methods='gmp,snip', sparsities=(0.5,), seeds=2, workdir=str(tmp_path / 'run'), collect=True, **options)
  return Comparison.prepared(Request.of(settings), options, 'the command')


def test_every_method_sparsity_and_seed_is_a_run(tmp_path):
  assert [(cell.entry.method, cell.sparsity, cell.seed) for cell in comparison(tmp_path).cells] == [
    ('gmp', 0.5, 0),
    ('gmp', 0.5, 1),
    ('snip', 0.5, 0),
    ('snip', 0.5, 1),
  ]


def test_table_and_page_go_where_they_are_wanted(tmp_path):
  assert comparison(tmp_path).out == tmp_path / 'run' and comparison(tmp_path, out=str(tmp_path / 'out')).out == tmp_path / 'out'


def test_a_trained_network_is_compared_at_equal_cost_and_known_elsewhere(trained_ticket, trained_file, tmp_path, monkeypatch):
  launch = Launch(Ticket.load(trained_ticket[0]))
  for name, function in pretended.once().items():
    monkeypatch.setattr(name, function)
  monkeypatch.setattr('st_tf.comparing.runner.Launcher', lambda root, jobs: launch)
  own = {'pixels': 'signed', 'target_macs': 0.5, 'unit_search': 'scores'}
  settings = {name: value for name, value in tiny.SETTINGS.items() if name != 'sparsity'} | own

  def prepared(path, **given):
    options = {
      'methods': 'gmp,supertickets,tuner:trials=2',
      'sparsities': (0.5,),
      'seeds': 1,
      'budget': 4,
      'workdir': str(tmp_path / 'run'),
    }
    wanted = {name: given.pop(name) for name in ('target_macs',) if name in given}
    return Comparison.prepared(Request.of(settings | wanted | {'supernet': f'keras:{path}'}), Options(**options | given), 'the command')

  shutil.copy(trained_file, tmp_path / 'trained.keras')
  prepared(tmp_path / 'trained.keras').run()
  # What goes before the first step costs nothing after it: twice as many epochs for half the MACs. Trials, training, pruning: 8 in all.
  done = [('gmp', 4), ('supertickets', 4), ('supertickets', 8), ('tuner', 3), ('tuner', 4)]
  assert sorted((entry[0], entry[4]) for entry in launch.done) == done
  (tmp_path / 'trained.keras').rename(tmp_path / 'moved.keras')
  assert len(prepared(tmp_path / 'moved.keras', collect=True).run()) == 6 and len(launch.done) == len(done)
  for method in ('supertickets', 'search_then_prune', 'tuner'):
    with pytest.raises(ConfigError, match='--target_macs is at least what is left with one unit of each group'):
      prepared(tmp_path / 'moved.keras', methods=method, target_macs=0.01, budget=0)

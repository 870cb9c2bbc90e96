"""What a comparison is made of; the command's tests are of doing it."""

import pathlib

from st_tf.comparing.comparison import Comparison
from st_tf.comparing.options import Options
from st_tf.config.request import Request
from tests import tiny


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

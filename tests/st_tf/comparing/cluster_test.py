import importlib
import json
import threading
import time

import pytest

from st_tf.arch import presets
from st_tf.comparing import cluster, runner
from st_tf.comparing.options import Options
from st_tf.errors import UserError
from tests import ray_nodes, tiny

compare = importlib.import_module('st_tf.compare')


def test_trainings_stay_here_where_no_cluster_is_named_or_nothing_is_trained(tmp_path):
  launch, jobs = cluster.launching(tmp_path, Options(jobs=3))
  assert isinstance(launch, runner.Launcher) and jobs == 3
  for given in ({'collect': True}, {'dry_run': True}):
    assert isinstance(cluster.launching(tmp_path, Options(cluster='nowhere:1', **given))[0], runner.Launcher)


def _dies(found, node, folder) -> None:
  """Once two trainings have a checkpoint each, one of the nodes is gone."""
  while len({path.parts[-3] for path in folder.glob('runs/*/checkpoints/0*')}) < 2:
    time.sleep(0.2)
  ray_nodes.lose(found, node)


@pytest.mark.slow
def test_a_node_that_dies_costs_nothing_but_time(nodes, tmp_path, capsys):
  found, node = nodes
  (tmp_path / 'net.json').write_text(presets.to_text(tiny.SPECK))
  settings = {name: value for name, value in tiny.SETTINGS.items() if name != 'sparsity'}
  settings |= {'methods': 'gmp,dense', 'sparsities': 0.5, 'seeds': 1, 'epochs': 40, 'supernet': tmp_path / 'net.json'}

  def table(name: str, **given) -> dict:
    chosen = settings | {'workdir': tmp_path / name} | given
    assert compare.main(['compare', *(f'--{key}={value}' for key, value in chosen.items())]) == 0
    rows = json.loads((tmp_path / name / 'comparison.json').read_text())['rows']
    return [{key: value for key, value in row.items() if 'seconds' not in key} for row in rows]

  with pytest.raises(UserError, match=r'has room for a training\. Received: --cpus_per_run=64 .* have 1 processors and 0 G'):
    table('wide', cluster=found.address, cpus_per_run=64)
  dying = threading.Thread(target=_dies, args=(found, node, tmp_path / 'there'))
  dying.start()
  there = table('there', cluster=found.address)
  dying.join()
  logs = [path.read_text() for path in (tmp_path / 'there' / 'logs').iterdir()]
  assert len(logs) == 2 and sum('Continuing at step' in log for log in logs) == 1
  assert there == table('here')

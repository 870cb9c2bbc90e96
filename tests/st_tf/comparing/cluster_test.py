import importlib
import json
import os
import pathlib
import threading
import time

import fsspec
import pytest

from st_tf import elsewhere, mirror
from st_tf.arch import presets
from st_tf.comparing import cluster, runner
from st_tf.comparing.options import Options
from st_tf.config import Config
from st_tf.errors import UserError
from st_tf.storage import Storage
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


class _Tasks:
  """Tasks that write what they are told to, and end with the codes that are left."""

  def __init__(self, there: pathlib.Path, codes: list[int]):
    self.told: list[list[str]] = []
    self._there, self._codes = there, codes

  def started(self, words, log):
    assert log is None
    self.told.append(words)
    folder = self._there / words[-1 if words[-1].startswith('--workdir') else 3].rpartition('/run/')[2]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'finished.json').write_text('{}')
    return self._codes.pop()

  def ended(self, task):
    return task, f'said\nerror: code {task}\n'


def test_where_a_storage_does_not_answer_one_run_fails_or_waits_and_the_others_go_on(
  machine, address, quick, tmp_path, monkeypatch, capsys
):
  there, outages = tmp_path / 'there' / 'run', []

  def failing(real):
    def run(self, *given):
      if outages and outages.pop():
        raise UserError('Nobody answers.')
      return real(self, *given)

    return run

  for name in ('put', 'listed'):
    monkeypatch.setattr(Storage, name, failing(getattr(Storage, name)))
  with elsewhere.worked_in(address) as folder:
    root = pathlib.Path(folder)
    tasks = _Tasks(there, [0, 2, 0, 0])
    launch = cluster.Launcher(root, tasks)
    outages[:] = [True]
    assert launch(Config(), root / 'runs' / 'a') == '' and 'Nobody answers. Trying again in' in capsys.readouterr().err
    assert (root / 'runs' / 'a' / 'finished.json').exists() and (root / 'logs' / 'a.txt').read_text().startswith('said')
    assert tasks.told[0][2:5] == [f'--config={address}/configs/a.json', f'--workdir={address}/runs/a', f'--stages={address}/runs/a/stages']
    outages[:] = [True] * 40
    assert launch(Config(), root / 'runs' / 'b') == 'Nobody answers.' and len(tasks.told) == 1
    outages.clear()
    assert launch(Config(), root / 'runs' / 'c') == ''
    assert launch(Config(), root / 'runs' / 'd') == 'code 2' and (root / 'runs' / 'd' / 'finished.json').exists()
    monkeypatch.setattr(mirror.Folder, 'take', lambda self, part: (_ for _ in ()).throw(OSError('No space left')))
    assert launch(Config(), root / 'runs' / 'e').endswith('/run and could not be copied here: No space left')
    launch.stop()
    with pytest.raises(KeyboardInterrupt):
      launch(Config(), root / 'runs' / 'f')


SETTINGS = {name: value for name, value in tiny.SETTINGS.items() if name != 'sparsity'}
SETTINGS |= {'methods': 'gmp,dense', 'sparsities': 0.5, 'seeds': 1, 'epochs': 40}


def _table(folder, **given) -> list[dict]:
  """The rows of a comparison, but for the times in them."""
  (folder.parent / 'net.json').write_text(presets.to_text(tiny.SPECK))
  chosen = SETTINGS | {'supernet': folder.parent / 'net.json', 'workdir': folder, 'out': folder} | given
  assert compare.main(['compare', *(f'--{key}={value}' for key, value in chosen.items())]) == 0
  rows = json.loads((folder / 'comparison.json').read_text())['rows']
  return [{key: value for key, value in row.items() if 'seconds' not in key} for row in rows]


def _here(folder, **given) -> list[dict]:
  """Likewise, of trainings of a thread each, as the nodes' are: sums of several threads have another order."""
  return _table(folder, jobs=len(os.sched_getaffinity(0)), **given)


def _tickets(folder) -> set[str]:
  return {json.loads(path.read_text())['ticket'] for path in folder.glob('[!.]*.json')}


@pytest.mark.slow
def test_a_node_that_dies_costs_nothing_but_time(nodes, tmp_path):
  found, node = nodes
  with pytest.raises(UserError, match=r'has room for a training\. Received: --cpus_per_run=64 .* have 1 processors and 0 G'):
    _table(tmp_path / 'wide', cluster=found.address, cpus_per_run=64)
  dying = threading.Thread(target=_dies, args=(found, node, tmp_path / 'there'))
  dying.start()
  there = _table(tmp_path / 'there', cluster=found.address)
  dying.join()
  logs = [path.read_text() for path in (tmp_path / 'there' / 'logs').iterdir()]
  assert len(logs) == 2 and sum('Continuing at step' in log for log in logs) == 1
  assert there == _here(tmp_path / 'here') and _tickets(tmp_path / 'there' / 'records') == _tickets(tmp_path / 'here' / 'records')


@pytest.mark.slow
def test_nodes_that_share_no_folder_meet_in_one_elsewhere(machine, bucket, nodes, tmp_path):
  found, node = nodes
  address = f'{bucket}/compared'
  held = fsspec.filesystem('s3', skip_instance_cache=True)

  def dies() -> None:
    """Once two trainings have a checkpoint each elsewhere, one of the nodes is gone."""
    begun = set()
    while len(begun) < 2 and not ended.wait(0.5):
      held.invalidate_cache()
      begun = {path.split('/')[3] for path in held.find('bucket/compared/runs') if '/checkpoints/' in path}
    ray_nodes.lose(found, node)

  ended = threading.Event()
  given = {'workdir': address, 'epochs': 60}
  dying = threading.Thread(target=dies)
  dying.start()
  try:
    there = _table(tmp_path / 'there', cluster=found.address, **given)
  finally:
    ended.set()
    dying.join()
  machine('second')
  finished = {path.split('/')[3] for path in held.find('bucket/compared') if path.endswith('finished.json')}
  assert len(finished) == 2
  logs = [path.read_text() for path in pathlib.Path(elsewhere.fetched(f'{address}/logs')).glob('*.txt')]
  assert len(logs) == 2 and sum('Continuing at step' in log for log in logs) == 1
  assert there == _table(tmp_path / 'again', collect=True, records=f'{address}/records', **given)
  assert there == _here(tmp_path / 'here', epochs=60)
  assert _tickets(pathlib.Path(elsewhere.fetched(f'{address}/records'))) == _tickets(tmp_path / 'here' / 'records')

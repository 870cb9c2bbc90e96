import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from st_tf.arch import presets
from st_tf.comparing import cluster, runner
from st_tf.comparing.options import Options
from st_tf.config import ConfigError
from tests import tiny

compare = importlib.import_module('st_tf.compare')


def test_trainings_stay_here_where_no_cluster_is_named_or_nothing_is_trained(tmp_path):
  launch, jobs = cluster.launching(tmp_path, Options(jobs=3))
  assert isinstance(launch, runner.Launcher) and jobs == 3
  for given in ({'collect': True}, {'dry_run': True}):
    assert isinstance(cluster.launching(tmp_path, Options(cluster='nowhere:1', **given))[0], runner.Launcher)


def test_a_cluster_needs_ray(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, 'ray', None)
  with pytest.raises(ConfigError, match=r"--cluster needs Ray\. Received: none is installed\. Write pip install 'supertickets\[cluster\]'"):
    cluster.launching(tmp_path, Options(cluster='auto'))


def test_a_task_is_the_same_process_and_is_asked_to_save(tmp_path):
  log = tmp_path / 'log.txt'
  code = 'import os; print(os.environ["OMP_NUM_THREADS"]); raise SystemExit(3)'
  assert cluster._trained(['-c', code], str(log), {'OMP_NUM_THREADS': '7'}) == 3 and log.read_text() == '7\n'
  patient = (
    'import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: (print("saved"), sys.exit(130)))\nprint("there", flush=True)\n'
    'time.sleep(60)'
  )
  # Ray interrupts the main thread as this does, without a signal.
  cancelled = (
    'import _thread, pathlib, threading, time\nfrom st_tf.comparing import cluster\ndef cancel():\n'
    f'  while "there" not in pathlib.Path({str(log)!r}).read_text(): time.sleep(0.05)\n  _thread.interrupt_main()\n'
    f'threading.Thread(target=cancel).start()\ncluster._trained(["-c", {patient!r}], {str(log)!r}, {{}})'
  )
  process = subprocess.run([sys.executable, '-c', cancelled], stderr=subprocess.PIPE, text=True, timeout=50)  # Less than it sleeps.
  assert process.stderr.rstrip().endswith('KeyboardInterrupt')
  assert log.read_text().endswith('there\nsaved\n')


def test_a_training_ends_with_the_task_that_started_it(tmp_path):
  log = tmp_path / 'log.txt'
  log.touch()
  patient = 'import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)'
  task = f'from st_tf.comparing import cluster\ncluster._trained(["-c", {patient!r}], {str(log)!r}, {{}})'
  process = subprocess.Popen([sys.executable, '-c', task])
  while not log.read_text().endswith('\n'):
    time.sleep(0.05)
  process.kill()
  process.wait()
  started, pid = time.monotonic(), int(log.read_text())
  with contextlib.suppress(psutil.NoSuchProcess):
    while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:  # Which nobody may be there to bury.
      assert time.monotonic() - started < 20
      time.sleep(0.05)


@pytest.fixture
def nodes(monkeypatch):
  """A cluster of two nodes on this machine: (itself, the node that is not its head)."""
  pytest.importorskip('ray')
  from ray.cluster_utils import Cluster

  monkeypatch.setenv('RAY_USAGE_STATS_ENABLED', '0')
  found = Cluster(initialize_head=True, head_node_args={'num_cpus': 1})
  try:
    yield found, found.add_node(num_cpus=1)
  finally:
    import ray

    ray.shutdown()
    found.shutdown()


def _dies(found, node, folder) -> None:
  """Once two trainings have a checkpoint each, one of the nodes is gone with all that runs on it."""
  while len({path.parts[-3] for path in folder.glob('runs/*/checkpoints/0*')}) < 2:
    time.sleep(0.2)
  gone = {child.pid for child in psutil.Process(node.all_processes['raylet'][0].process.pid).children(recursive=True)}
  found.remove_node(node, allow_graceful=False)
  for pid in gone:
    with contextlib.suppress(ProcessLookupError):
      os.kill(pid, signal.SIGKILL)


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

  with pytest.raises(ConfigError, match=r'has room for a training\. Received: --cpus_per_run=64 .* has 1 processors and 0 G'):
    table('wide', cluster=found.address, cpus_per_run=64)
  dying = threading.Thread(target=_dies, args=(found, node, tmp_path / 'there'))
  dying.start()
  there = table('there', cluster=found.address)
  dying.join()
  logs = [path.read_text() for path in (tmp_path / 'there' / 'logs').iterdir()]
  assert len(logs) == 2 and sum('Continuing at step' in log for log in logs) == 1
  assert there == table('here')

"""Trainings of a search as tasks of a cluster: what workers are told, how they end, and a node that is lost."""

import importlib
import os
import signal
import threading
import time

import numpy as np
import psutil
import pytest

from st_tf.api import sharing
from st_tf.arch import presets
from st_tf.clusters import ClusterError
from st_tf.config import Config, ConfigError
from st_tf.errors import Interrupted, UserError
from st_tf.methods._tuning import VARIABLES
from st_tf.ticket import Ticket
from tests import ray_nodes, tiny
from tests.st_tf.methods.menas_test import SETTINGS

train = importlib.import_module('st_tf.train')


class Made:
  """A cluster that is made up: tasks end as they are told."""

  room, here = 3, '127.0.0.1'

  def __init__(self, *given):
    self.given, self.tasks, self.cancelled, self.ends = given, [], [], {}

  def started(self, words, log, environment):
    self.tasks.append((words, log, environment))
    self.ends[len(self.tasks) - 1] = threading.Event()
    return len(self.tasks) - 1

  def ended(self, task):
    assert self.ends[task].wait(20)
    _, log, _ = self.tasks[task]
    if task == 2 and not self.cancelled:
      raise ClusterError('the cluster says: gone')
    log.write_text('error: A picture is there. Received: none.')
    return (0 if self.cancelled else 2), ''

  def cancel(self, task):
    self.cancelled.append(task)
    self.ends[task].set()


class Oracle:
  """What of keras-tuner's is asked of it."""

  def __init__(self):
    self.tuner_ids, self.ongoing_trials, self._retry_queue, self.saved = {'worker_0'}, {'worker_0': Trial()}, [], 0

  def save(self):
    self.saved += 1


class Trial:
  trial_id = '0007'


@pytest.fixture
def cluster(monkeypatch):
  made = Made()
  monkeypatch.setattr(sharing, 'Tasks', lambda *given: setattr(made, 'given', given) or made)
  return made


def shared(tmp_path, oracle=None, stages='', cluster='auto', **settings):
  return sharing.on_cluster(tiny.config(**SETTINGS | settings), tmp_path / 'run', stages, cluster, 4, 0.5)(oracle or Oracle())


def test_without_a_cluster_nothing_is_shared(tmp_path):
  sharing.check('dense', '')
  with shared(tmp_path, cluster=''):
    assert not os.environ.get(VARIABLES[0])
  assert not any(tmp_path.iterdir())


def test_a_run_that_has_begun_asks_for_a_cluster_where_it_has_trainings_left(cluster, tmp_path):
  (tmp_path / 'run' / 'stages').mkdir(parents=True)
  context = shared(tmp_path)
  assert not cluster.given
  sharing.on_cluster(tiny.config(**SETTINGS), tmp_path / 'run', '', 'auto', 4, 0.5, fresh=True)
  assert cluster.given, 'before anything is forgotten'
  with context:
    assert cluster.given == ('auto', 4, 0.5) and len(cluster.tasks) == 3


def test_a_cluster_is_asked_for_before_anything_else_and_workers_start_with_the_search(cluster, tmp_path):
  context = shared(tmp_path)
  assert cluster.given == ('auto', 4, 0.5) and not cluster.tasks and not any(tmp_path.iterdir())
  with context:
    assert len(cluster.tasks) == 3


def test_workers_are_told_the_run_and_the_chief(cluster, tmp_path, capsys):
  with shared(tmp_path):
    host, port = (os.environ[name] for name in VARIABLES[1:])
    assert os.environ[VARIABLES[0]] == 'chief' and host == '127.0.0.1' and int(port) > 0
  assert not any(name in os.environ for name in VARIABLES)
  assert sorted(cluster.cancelled) == [0, 1, 2]
  for number, (words, log, environment) in enumerate(cluster.tasks):
    kept = tmp_path / 'run' / 'workers'
    assert words[:2] == ['-m', 'st_tf.train'] and words[-1] == '--nodeliver' and log == kept / f'worker_{number}.txt'
    assert words[2:5] == [f'--config={kept / "config.json"}', f'--workdir={kept / str(number)}', f'--stages={tmp_path / "run" / "stages"}']
    assert environment == dict(zip(VARIABLES, (f'worker_{number}', host, port)))
  assert Config.from_json((kept / 'config.json').read_bytes()) == tiny.config(**SETTINGS)
  assert 'Handing trainings to 3 tasks of the cluster' in capsys.readouterr().out


def test_no_more_workers_than_trials_and_stages_that_were_named(cluster, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  with shared(tmp_path, stages='there', trials=2):
    pass
  assert [words[4] for words, _, _ in cluster.tasks] == [f'--stages={tmp_path / "there"}'] * 2


def test_the_trial_of_one_that_ends_is_anothers_and_the_others_go_on(cluster, tmp_path, capsys):
  oracle = Oracle()
  with shared(tmp_path, oracle):
    cluster.ends[0].set()
    until = time.monotonic() + 20
    while not oracle.saved:
      assert time.monotonic() < until
      time.sleep(0.02)
  assert capsys.readouterr().out.endswith('worker 0 ended: A picture is there. Received: none.\n')
  assert (oracle.tuner_ids, oracle.ongoing_trials, oracle._retry_queue) == (set(), {}, ['0007'])


def test_tasks_that_cannot_be_handed_out_leave_nothing_behind(cluster, tmp_path, monkeypatch):
  start = cluster.started

  def started(*given):
    if cluster.tasks:
      raise KeyboardInterrupt
    return start(*given)

  monkeypatch.setattr(cluster, 'started', started)
  with pytest.raises(KeyboardInterrupt), shared(tmp_path):
    pass
  assert cluster.cancelled == [0] and not any(name in os.environ for name in VARIABLES)


@pytest.fixture
def interruptible():
  """SIGTERM is what it is in a command."""
  before = signal.signal(signal.SIGTERM, signal.default_int_handler)
  yield
  signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize('interruption', [KeyboardInterrupt, Interrupted])
def test_where_all_have_ended_the_chief_does_too_and_says_why(cluster, tmp_path, interruption, interruptible):
  with pytest.raises(UserError, match=r'^At least one worker trains\. Received: 3 that ended: '):
    with shared(tmp_path):
      for event in list(cluster.ends.values()):
        event.set()
      try:
        time.sleep(20)
      except KeyboardInterrupt:
        raise interruption from None


def test_an_interruption_stays_one(cluster, tmp_path):
  with pytest.raises(Interrupted):
    with shared(tmp_path):
      raise Interrupted('SIGTERM')
  assert len(cluster.cancelled) == 3


def test_one_network_is_not_trained_by_tasks(monkeypatch):
  with pytest.raises(ConfigError, match=r'^--cluster is for a search of many trainings .* Received: --method=dense\. Leave it out'):
    sharing.check('dense', 'auto')
  sharing.check('menas', 'auto')
  sharing.check('tuner', 'auto')
  monkeypatch.setenv(VARIABLES[0], 'chief')
  with pytest.raises(ConfigError, match=f'^--cluster sets {VARIABLES[0]}, .* itself'):
    sharing.check('menas', 'auto')


@pytest.mark.slow
def test_a_node_that_dies_costs_nothing_but_time(nodes, tmp_path, monkeypatch):
  found, node = nodes
  (tmp_path / 'net.json').write_text(presets.to_text(tiny.SPECK))
  monkeypatch.chdir(tmp_path)  # Of which a relative path is.
  settings = tiny.SETTINGS | SETTINGS | {'sparsity': 0.8, 'supernet': 'net.json'}

  def drawn(name: str, **given) -> Ticket:
    chosen = settings | {'workdir': tmp_path / name} | given
    assert train.main(['train', '--nodeliver', *(f'--{key}={value}' for key, value in chosen.items())]) == 0
    return Ticket.load(tmp_path / name / 'tickets' / 'sparsity_0.8')

  def die() -> None:
    while len([*(tmp_path / 'there' / 'stages').glob('menas-*/checkpoints/0*')]) < 2:
      time.sleep(0.2)
    at_work.extend(process.pid for process in psutil.process_iter(['cmdline']) if f'--stages={stages}' in (process.info['cmdline'] or []))
    ray_nodes.lose(found, node)

  at_work, stages = [], tmp_path / 'there' / 'stages'
  dying = threading.Thread(target=die, daemon=True)
  dying.start()
  there = drawn('there', cluster=found.address)
  assert len(at_work) == 2, 'a worker on each node'
  dying.join(60)
  said = [(tmp_path / 'there' / 'workers' / f'worker_{number}.txt').read_text() for number in range(2)]
  assert not dying.is_alive() and sorted(text.count('Building') > 1 for text in said) == [False, True], 'one began again'
  here = drawn('here')
  assert there.provenance.trials == here.provenance.trials and there.arch == here.arch
  for name, value in here.weights.items():  # Tasks have one thread each, this process may have more: sums in another order.
    np.testing.assert_allclose(there.weights[name], value, rtol=1e-3, atol=1e-4, err_msg=name)


@pytest.mark.slow
def test_the_trial_of_a_worker_that_is_killed_is_tried_by_another_one(nodes, tmp_path, monkeypatch, capfd):
  found, _ = nodes
  (tmp_path / 'net.json').write_text(presets.to_text(tiny.SPECK))
  monkeypatch.chdir(tmp_path)
  settings = tiny.SETTINGS | {'method': 'tuner', 'supernet': 'net.json', 'sparsity': 0.6, 'target_macs': 0.7, 'cluster': found.address}
  settings |= {'trials': 4, 'trial_epochs': 1, 'epochs': 2, 'workdir': 'run'}
  said = tmp_path / 'run' / 'workers' / 'worker_1.txt'

  def kill() -> None:
    while not (said.exists() and 'Building' in said.read_text()):
      time.sleep(0.1)
    for process in psutil.process_iter(['cmdline']):
      if f'--workdir={said.parent / "1"}' in (process.info['cmdline'] or []):
        process.kill()

  killing = threading.Thread(target=kill, daemon=True)
  killing.start()
  command = ['train', '--nodeliver', *(f'--{key}={value}' for key, value in settings.items())]
  assert train.main(command) == 0
  assert 'worker 1 ended: ended by SIGKILL' in capfd.readouterr().out
  (path,) = (tmp_path / 'run' / 'tickets').iterdir()
  assert len(Ticket.load(path).provenance.trials) == 4
  assert train.main(command) == 0 and 'Handing' not in capfd.readouterr().out, 'a finished run needs no workers'

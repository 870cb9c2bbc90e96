"""Trainings of a search as tasks of a cluster: what workers are told, how they end, and a node that is lost."""

import importlib
import os
import threading
import time

import numpy as np
import pytest

from st_tf.api import sharing
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

  def code(self, task):
    assert self.ends[task].wait(20)
    _, log, _ = self.tasks[task]
    if task == 2 and not self.cancelled:
      raise ClusterError('the cluster says: gone')
    log.write_text('error: A picture is there. Received: none.')
    return 0 if self.cancelled else 2

  def cancel(self, task):
    self.cancelled.append(task)
    self.ends[task].set()


@pytest.fixture
def cluster(monkeypatch):
  made = Made()
  monkeypatch.setattr(sharing, 'Tasks', lambda *given: setattr(made, 'given', given) or made)
  return made


def shared(tmp_path, stages='', cluster='auto', **settings):
  return sharing.shared(tiny.config(**SETTINGS | settings), tmp_path / 'run', stages, cluster, 4, 0.5)


def test_without_a_cluster_nothing_is_shared(tmp_path):
  with shared(tmp_path, cluster='', method='dense'):
    assert not os.environ.get(VARIABLES[0])
  assert not any(tmp_path.iterdir())


def test_workers_are_told_the_run_and_the_chief(cluster, tmp_path, capsys):
  with shared(tmp_path):
    host, port = (os.environ[name] for name in VARIABLES[1:])
    assert os.environ[VARIABLES[0]] == 'chief' and host == '127.0.0.1' and int(port) > 0
  assert not any(name in os.environ for name in VARIABLES)
  assert cluster.given == ('auto', 4, 0.5) and sorted(cluster.cancelled) == [0, 1, 2]
  for number, (words, log, environment) in enumerate(cluster.tasks):
    kept = tmp_path / 'run' / 'workers'
    assert words[:2] == ['-m', 'st_tf.train'] and words[-1] == '--nodeliver' and log == kept / f'worker_{number}.txt'
    assert words[2:5] == [f'--config={kept / "config.json"}', f'--workdir={kept / str(number)}', f'--stages={tmp_path / "run" / "stages"}']
    assert environment == dict(zip(VARIABLES, (f'worker_{number}', host, port)))
  assert Config.from_json((kept / 'config.json').read_bytes()) == tiny.config(**SETTINGS)
  assert 'Handing trainings to 3 tasks of the cluster' in capsys.readouterr().out


def test_no_more_workers_than_trials_and_other_stages(cluster, tmp_path):
  with shared(tmp_path, stages='/shared/stages', trials=2):
    pass
  assert [words[4] for words, _, _ in cluster.tasks] == ['--stages=/shared/stages'] * 2


def test_one_that_ends_is_told_and_the_others_go_on(cluster, tmp_path, capsys):
  with shared(tmp_path):
    cluster.ends[0].set()
    until = time.monotonic() + 20
    while 'worker 0 ended' not in (said := capsys.readouterr().out):
      assert time.monotonic() < until
      time.sleep(0.02)
  assert said.endswith('worker 0 ended: A picture is there. Received: none.\n')


@pytest.mark.parametrize('interruption', [KeyboardInterrupt, Interrupted])
def test_where_all_have_ended_the_chief_does_too_and_says_why(cluster, tmp_path, interruption):
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


def test_one_network_is_not_trained_by_tasks(tmp_path, monkeypatch):
  with pytest.raises(ConfigError, match=r'^--cluster is for a search of many trainings .* Received: --method=dense\. Leave it out'):
    with shared(tmp_path, method='dense'):
      pass
  monkeypatch.setenv(VARIABLES[0], 'chief')
  with pytest.raises(ConfigError, match=f'^--cluster sets {VARIABLES[0]}, .* itself'):
    with shared(tmp_path):
      pass


@pytest.mark.slow
def test_a_node_that_dies_costs_nothing_but_time(nodes, tmp_path):
  found, node = nodes
  settings = tiny.SETTINGS | SETTINGS | {'sparsity': 0.8}

  def drawn(name: str, **given) -> Ticket:
    chosen = settings | {'workdir': tmp_path / name} | given
    assert train.main(['train', '--nodeliver', *(f'--{key}={value}' for key, value in chosen.items())]) == 0
    return Ticket.load(tmp_path / name / 'tickets' / 'sparsity_0.8')

  def die() -> None:
    while len([*(tmp_path / 'there' / 'stages').glob('menas-*/checkpoints/0*')]) < 2:
      time.sleep(0.2)
    ray_nodes.lose(found, node)

  dying = threading.Thread(target=die)
  dying.start()
  there = drawn('there', cluster=found.address)
  dying.join()
  here = drawn('here')
  assert there.provenance.trials == here.provenance.trials and there.arch == here.arch
  for name, value in here.weights.items():  # Tasks have one thread each, this process may have more: sums in another order.
    np.testing.assert_allclose(there.weights[name], value, rtol=1e-3, atol=1e-4, err_msg=name)

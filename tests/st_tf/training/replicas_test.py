import dataclasses
import hashlib
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from st_tf.arch import presets
from st_tf.config import ConfigError
from st_tf.task import TaskError
from st_tf.ticket import Ticket
from st_tf.training import replicas
from st_tf.workers import WorkerLost
from tests import tiny

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_two_logical_cpus_match_one_replica_over_a_pruning_and_a_shrink():
  command = [sys.executable, '-m', 'tests.replicas_driver']
  found = subprocess.run(command, cwd=ROOT, env=os.environ | {'PYTHONPATH': str(ROOT)}, capture_output=True, text=True, timeout=280)
  assert found.returncode == 0, found.stderr
  result = json.loads(found.stdout.splitlines()[-1])
  assert result['same_facts'] and result['same_names'] and result['masks'] == 0
  assert result['counts'] == [[2, 7], [2, 7]], 'steps are traced once, and once more after the shrink'
  assert result['difference'] < 1e-5 and result['outputs'] < 1e-5 < result['magnitude'], result


@pytest.mark.slow
@pytest.mark.long
def test_the_command_makes_its_own_logical_cpus_and_trains_a_transformer_on_them(tmp_path):
  (tmp_path / 'net.json').write_text(presets.to_text(dataclasses.replace(tiny.SPECK, tokens=2)))
  flags = [f'--{name}={value}' for name, value in (tiny.SETTINGS | {'epochs': 2, 'sparsity': 0.5, 'target_macs': 0.8}).items()]
  command = [sys.executable, '-m', 'st_tf.train', *flags, f'--supernet={tmp_path / "net.json"}', f'--workdir={tmp_path / "run"}']
  environment = os.environ | {'PYTHONPATH': str(ROOT)}
  found = subprocess.run([*command, '--replicas=2'], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280)
  assert found.returncode == 0, found.stderr
  ticket = Ticket.load(tmp_path / 'run' / 'tickets' / 'sparsity_0.5')
  assert ticket.provenance.config['replicas'] == 2 and ticket.cost.macs < ticket.cost.supernet_macs


def test_xla_is_of_one_processor(monkeypatch):
  with pytest.raises(
    ConfigError, match=r'^XLA compiles for several devices where these are GPUs\. Received: --xla, and several processors'
  ):
    replicas.strategy(tiny.config(xla=True, replicas=2))
  assert replicas.strategy(tiny.config(xla=True)).num_replicas_in_sync == 1


def test_more_replicas_than_devices_are_refused():
  with pytest.raises(ConfigError, match=r'--replicas is at most the number of devices, \d+ here\. Received: 64'):
    replicas.strategy(tiny.config(replicas=64, batch_size=64))


def test_a_batch_that_cannot_be_shared_evenly_is_refused():
  with pytest.raises(ConfigError, match=r'--batch_size is a multiple of --replicas\. Received: 16 for 3'):
    tiny.config(replicas=3)


def test_one_replica_trains_on_whole_batches():
  where, batch = replicas.strategy(tiny.config()), tf.constant([[1.0], [2.0]])
  assert where.num_replicas_in_sync == 1
  assert replicas.spread(where, batch) is batch
  assert np.array_equal(replicas.gathered(where, batch), batch)


def as_worker(monkeypatch, index=0, count=2):
  cluster = {'worker': [f'host{number}:2222' for number in range(count)]}
  monkeypatch.setenv('TF_CONFIG', json.dumps({'cluster': cluster, 'task': {'type': 'worker', 'index': index}}))


def test_devices_train_together_as_the_environment_and_the_settings_say(monkeypatch):
  assert [replicas.kind(tiny.config(replicas=count)) for count in (1, 2)] == ['one', 'mirrored']
  assert replicas.place(tiny.config()).count == 1
  as_worker(monkeypatch, 1)
  assert replicas.kind(tiny.config()) == replicas.kind(tiny.config(strategy='multi_worker')) == 'multi_worker'
  assert (replicas.place(tiny.config()).index, replicas.place(tiny.config()).count) == (1, 2)
  assert replicas.kind(tiny.config(strategy='one')) == 'one' and replicas.place(tiny.config(strategy='one')).is_chief


def test_settings_that_contradict_the_devices_are_refused(monkeypatch):
  with pytest.raises(ConfigError, match=r'--strategy=one trains on one device\. Received: --replicas=2'):
    tiny.config(strategy='one', replicas=2)
  with pytest.raises(ConfigError, match=r'--strategy=mirrored trains on several devices\. Received: 0 GPUs\. Write --replicas=2'):
    replicas.strategy(tiny.config(strategy='mirrored'))
  with pytest.raises(ConfigError, match=r'multi_worker trains with the workers that TF_CONFIG names\. Received: one, or none'):
    replicas.kind(tiny.config(strategy='multi_worker'))
  as_worker(monkeypatch)
  with pytest.raises(ConfigError, match=r'Each of several workers trains on the devices that it has\. Received: --replicas=2'):
    replicas.kind(tiny.config(replicas=2))


def test_the_parts_of_all_workers_are_the_batches(monkeypatch):
  task, config = tiny.task(), tiny.config()
  whole = [images.numpy() for images, _ in replicas.batches(task, config, epoch=1, start=2)]
  assert len(whole) == tiny.STEPS_PER_EPOCH - 2 and len(whole[0]) == tiny.BATCH
  parts = []
  for index in range(2):
    as_worker(monkeypatch, index)
    parts.append([images.numpy() for images, _ in replicas.batches(task, config, epoch=1, start=2)])
  assert [len(part) for part in parts[1]] == [tiny.BATCH // 2] * len(whole)
  assert all(np.array_equal(np.concatenate(both), batch) for *both, batch in zip(*parts, whole))


def test_a_task_that_gives_no_parts_of_batches_is_refused(monkeypatch):
  class Old:
    name = 'old'

    def dataset(self, split, batch_size, *, training=False, seed=0, epoch=0, start_batch=0):
      return [split]

  assert replicas.batches(Old(), tiny.config(), 0) == ['train']
  as_worker(monkeypatch)
  with pytest.raises(TaskError, match=r'each reads its part of a batch\. Received: old, whose `dataset` has no `share`'):
    replicas.batches(Old(), tiny.config(), 0)


def test_one_device_agrees_with_itself():
  where = replicas.strategy(tiny.config())
  assert replicas.agreed(where, True) and not replicas.agreed(where, False)
  assert replicas.differing(where, {'seed': '0', 'epochs': '4'}) == []


def test_texts_are_alike_where_all_workers_have_every_bit_or_none_has_it(monkeypatch):
  class Two:
    num_replicas_in_sync = 2

  def with_other(name: str, value: str) -> list[str]:
    # The other worker has the same names, and one value of its own.
    ours = {'seed': '0', 'epochs': '4'}
    theirs = ours | {name: value}
    asked = iter((['\n'.join(sorted(theirs))], [theirs[key] for key in sorted(theirs)]))

    def sums(where):
      def total(values):
        digests = [np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8) for text in next(asked)]
        return [values[0] + np.unpackbits(digests, axis=1)]

      return total

    monkeypatch.setattr(replicas, '_sums', sums)
    return replicas.differing(Two(), ours)

  assert with_other('seed', '0') == [] and with_other('seed', '5') == ['seed'] and with_other('epochs', '40') == ['epochs']
  with pytest.raises(ConfigError, match=r'All workers run the same version\. Received: another one'):
    with_other('sead', '0')


def test_a_batch_is_shared_evenly_by_all_workers(monkeypatch):
  replicas.check_batch(tiny.config(batch_size=15))
  as_worker(monkeypatch, count=3)
  monkeypatch.setattr(replicas, '_together', lambda: type('Strategy', (), {'num_replicas_in_sync': 3}))
  replicas.check_batch(tiny.config(batch_size=15))
  with pytest.raises(ConfigError, match=r'multiple of the devices of all workers\. Received: 16 for 3'):
    replicas.check_batch(tiny.config(batch_size=16))


def test_the_loss_of_a_worker_is_told_from_other_faults():
  gone = tf.errors.UnavailableError(None, None, 'Collective ops is aborted by: task 1 is unhealthy')
  with pytest.raises(WorkerLost, match=r'A worker was lost while it slept \(Collective ops is aborted by: task 1 is unhealthy\)'):
    with replicas.watched('while it slept'):
      raise gone
  with pytest.raises(tf.errors.InvalidArgumentError), replicas.watched('while it slept'):
    raise tf.errors.InvalidArgumentError(None, None, 'shapes')

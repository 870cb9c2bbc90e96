import dataclasses
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
from st_tf.ticket import Ticket
from st_tf.training import replicas
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
def test_the_command_makes_its_own_logical_cpus_and_trains_a_transformer_on_them(tmp_path):
  (tmp_path / 'net.json').write_text(presets.to_text(dataclasses.replace(tiny.SPECK, tokens=2)))
  flags = [f'--{name}={value}' for name, value in (tiny.SETTINGS | {'epochs': 2, 'sparsity': 0.5, 'target_macs': 0.8}).items()]
  command = [sys.executable, '-m', 'st_tf.train', *flags, f'--supernet={tmp_path / "net.json"}', f'--workdir={tmp_path / "run"}']
  environment = os.environ | {'PYTHONPATH': str(ROOT)}
  found = subprocess.run([*command, '--replicas=2'], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280)
  assert found.returncode == 0, found.stderr
  ticket = Ticket.load(tmp_path / 'run' / 'tickets' / 'sparsity_0.5')
  assert ticket.provenance.config['replicas'] == 2 and ticket.cost.macs < ticket.cost.supernet_macs


def test_more_replicas_than_devices_are_refused():
  with pytest.raises(ConfigError, match=r'--replicas is at most the number of devices, \d+ here\. Received: 64'):
    replicas.strategy(64)


def test_a_batch_that_cannot_be_shared_evenly_is_refused():
  with pytest.raises(ConfigError, match=r'--batch_size is a multiple of --replicas\. Received: 16 for 3'):
    tiny.config(replicas=3)


def test_one_replica_trains_on_whole_batches():
  where, batch = replicas.strategy(1), tf.constant([[1.0], [2.0]])
  assert where.num_replicas_in_sync == 1
  assert replicas.spread(where, batch) is batch
  assert np.array_equal(replicas.gathered(where, batch), batch)

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from st_tf import replicas
from st_tf.config import ConfigError
from tests import tiny

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_two_logical_cpus_match_one_replica_over_a_pruning_and_a_shrink():
  command = [sys.executable, '-m', 'tests.replicas_driver']
  found = subprocess.run(command, cwd=ROOT, env=os.environ | {'PYTHONPATH': str(ROOT)}, capture_output=True, text=True, timeout=280)
  assert found.returncode == 0, found.stderr
  result = json.loads(found.stdout.splitlines()[-1])
  assert result['same_facts'] and result['same_names'] and result['masks'] == 0
  assert result['counts'] == [[2, 7], [2, 7]], 'steps are traced once, and once more after the shrink'
  assert result['difference'] < 1e-5 and result['outputs'] < 1e-5 < result['magnitude'], result


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

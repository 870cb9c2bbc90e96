import json
import os
import pathlib

import numpy as np
import pytest

from st_tf.api import together
from st_tf.arch import presets
from st_tf.config import ConfigError, Identity
from st_tf.runs.process import CALLED
from st_tf.runs.workdir import Workdir
from st_tf.ticket import Ticket
from tests import tiny, workers_driver

SETTINGS = tiny.SETTINGS | {'sparsity': 0.6, 'target_macs': 0.8, 'reactivation': 'masked'}


def flags(folder: pathlib.Path, **settings) -> list[str]:
  (folder / 'net.json').write_text(presets.to_text(tiny.SPECK))
  chosen = SETTINGS | {'supernet': folder / 'net.json', 'workdir': folder / 'run', 'deliver': False} | settings
  return [f'--{name}={value}' for name, value in chosen.items()]


def test_one_process_has_the_folder_itself(tmp_path):
  config = tiny.config()
  with together.opened(tmp_path / 'run', config, Identity.of(config), CALLED) as found:
    assert isinstance(found, Workdir) and found.path == tmp_path / 'run' and found.process is CALLED
  with together.opened(tmp_path / 'run', config, Identity.of(config), CALLED):  # It was let go of.
    pass


@pytest.mark.parametrize(
  ('settings', 'stages', 'message'),
  [
    ({}, 'stages', r'Several workers train one network at a time\. Received: --stages'),
    ({'method': 'tuner'}, None, r'Received: --method=tuner, which hands its trainings to processes of their own'),
    ({'method': 'menas'}, None, r'Received: --method=menas'),
  ],
)
def test_what_several_workers_cannot_do_is_said(tmp_path, monkeypatch, settings, stages, message):
  place = {'cluster': {'worker': ['one:1', 'two:1']}, 'task': {'type': 'worker', 'index': 0}}
  monkeypatch.setenv('TF_CONFIG', json.dumps(place))
  config = tiny.config(**settings)
  with pytest.raises(ConfigError, match=message), together.opened(tmp_path / 'run', config, Identity.of(config), CALLED, stages=stages):
    raise AssertionError
  assert not (tmp_path / 'run').exists()


@pytest.mark.slow
def test_two_workers_of_which_one_is_killed_draw_the_ticket_of_one_process(tmp_path):
  def kill() -> int | None:
    return 1 if any((tmp_path / 'run' / 'checkpoints').glob('0*')) else None

  (code, said), (other_code, other_said) = workers_driver.train(tmp_path, flags(tmp_path), kill)
  assert (code, other_code) == (0, 0), said + other_said
  assert 'A worker was lost while it trained' in said and 'Continuing at step' in said
  assert other_said.count(f'Worker 1 trains along; worker 0 writes {tmp_path / "run"}.') == 2
  assert 'epoch' not in other_said
  environment = {name: value for name, value in os.environ.items() if name != 'TF_CONFIG'}
  alone = workers_driver.command(flags(tmp_path, workdir=tmp_path / 'one'), environment)
  assert alone.wait() == 0
  ours, theirs = (Ticket.load(tmp_path / name / 'tickets' / 'sparsity_0.6') for name in ('run', 'one'))
  assert ours.arch == theirs.arch and ours.cost == theirs.cost and ours.cost.macs < ours.cost.supernet_macs
  assert all(np.array_equal(ours.masks[name], theirs.masks[name]) for name in theirs.masks)
  trained = [name for name in theirs.weights if 'moving' not in name]
  apart = {name: float(np.abs(ours.weights[name] - theirs.weights[name]).max()) for name in trained}
  assert max(apart.values()) < 1e-4, apart

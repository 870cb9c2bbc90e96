import json
import os
import pathlib

import numpy as np
import pytest

from st_tf.api import together
from st_tf.arch import presets
from st_tf.config import ConfigError, Identity
from st_tf.errors import UserError
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


def test_what_ends_a_worker_alone_is_told_to_the_others_and_not_what_did_before(tmp_path):
  def ends(index: int, error: BaseException) -> together._Notes:
    notes = together._Notes(tmp_path, index)
    with pytest.raises(type(error)), notes.of_what_ends():
      raise error
    return notes

  waiting = together._Notes(tmp_path, 0)
  assert waiting.reason() is None
  ended = ends(1, UserError('no picture'))
  assert str(waiting.reason()).endswith('another one has ended (worker 1 ended): no picture')
  assert ended.reason() is None and together._Notes(tmp_path, 0).reason() is None
  ends(1, KeyboardInterrupt())
  assert str(waiting.reason()).endswith('(worker 1 ended): It was stopped.')
  ended.forget()
  assert waiting.reason() is None
  together._Notes(tmp_path / 'gone', 1).forget()


def alone(folder: pathlib.Path, **settings) -> Ticket:
  """The ticket that one process draws."""
  environment = {name: value for name, value in os.environ.items() if name != 'TF_CONFIG'}
  assert workers_driver.command(flags(folder, workdir=folder / 'one', **settings), environment).wait() == 0
  return Ticket.load(folder / 'one' / 'tickets' / 'sparsity_0.6')


def check_same(ours: Ticket, theirs: Ticket) -> None:
  assert ours.arch == theirs.arch and ours.cost == theirs.cost
  assert all(np.array_equal(ours.masks[name], theirs.masks[name]) for name in theirs.masks)
  for name, weight in theirs.weights.items():
    # Of n values a batch norm of one device takes the variance over n - 1 of them, one of several over n.
    allowed = 2e-3 if name.endswith('moving_variance') else 1e-4
    assert np.abs(ours.weights[name] - weight).max() < allowed * max(1, np.abs(weight).max()), name
  assert ours.metrics['validation']['loss'] == pytest.approx(theirs.metrics['validation']['loss'], abs=5e-3)


@pytest.mark.slow
def test_two_workers_of_which_one_is_killed_draw_the_ticket_of_one_process(tmp_path):
  def kill() -> int | None:
    return 1 if any((tmp_path / 'run' / 'checkpoints').glob('0*')) else None

  (code, said), (other_code, other_said) = workers_driver.train(tmp_path, flags(tmp_path), kill)
  assert (code, other_code) == (0, 0), said + other_said
  assert 'A worker was lost while it trained' in said and 'Continuing at step' in said
  assert other_said.count(f'Worker 1 trains along; worker 0 writes {tmp_path / "run"}.') == 2
  assert 'epoch' not in other_said
  ours = Ticket.load(tmp_path / 'run' / 'tickets' / 'sparsity_0.6')
  assert ours.cost.macs < ours.cost.supernet_macs
  check_same(ours, alone(tmp_path))


@pytest.mark.slow
@pytest.mark.long
def test_weights_move_alike_on_two_workers_whose_chief_is_killed(tmp_path):
  settings = {'method': 'rigl', 'prune_interval': '3it'}

  def kill() -> int | None:
    return 0 if any((tmp_path / 'run' / 'checkpoints').glob('0*')) else None

  found = workers_driver.train(tmp_path, flags(tmp_path, **settings), kill)
  assert [code for code, _ in found] == [0, 0], found
  assert 'Continuing at step' in found[0][1]
  check_same(Ticket.load(tmp_path / 'run' / 'tickets' / 'sparsity_0.6'), alone(tmp_path, **settings))


@pytest.mark.slow
@pytest.mark.long
def test_workers_stop_together_and_train_nothing_where_their_settings_differ(tmp_path):
  def stop() -> int | None:
    return 1 if any((tmp_path / 'run' / 'checkpoints').glob('0*')) else None

  found = workers_driver.train(tmp_path, flags(tmp_path), stop, stop=True)
  assert [code for code, _ in found] == [130, 130], found
  assert 'another worker was stopped: the same command continues from step' in found[0][1]
  before = sorted((tmp_path / 'run').rglob('*'))
  found = workers_driver.train(tmp_path, flags(tmp_path), others=['--seed=5', '--learning_rate=0.3'])
  assert [code for code, _ in found] == [2, 2], found
  for (_, said), shown in zip(found, ('--learning_rate=0.1, --seed=0 here', '--learning_rate=0.3, --seed=5 here')):
    assert f'All workers train the same run. Received: {shown}' in said and 'Traceback' not in said, said
  assert [path for path in sorted((tmp_path / 'run').rglob('*')) if 'ended' not in path.name] == before

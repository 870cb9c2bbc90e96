import importlib
import json
import shutil

import pytest

from st_tf.api import drawing
from st_tf.api.transfer import TransferError
from st_tf.config import ConfigError
from st_tf.config.flags import FlagError
from st_tf.errors import Interrupted
from st_tf.pruning.ranking import RankingError
from st_tf.runs.folder import WorkdirError
from st_tf.ticket import Ticket
from tests import tiny

transfer = importlib.import_module('st_tf.transfer')


def test_what_the_ticket_moves_to_is_needed():
  with pytest.raises(TransferError, match=r'--task is needed: what the ticket moves to\. Received: none'):
    transfer.main(['transfer', '--ticket=x'])


@pytest.mark.parametrize('flag', ['--sparsity=0.5', '--target_macs=0.5'])
def test_what_the_ticket_says_is_not_asked_for(flag):
  with pytest.raises(TransferError, match=rf'says how sparse and how large .* Received: {flag.partition("=")[0]}\. Leave it out'):
    transfer.main(['transfer', '--task=shapes', '--ticket=x', flag])


@pytest.mark.parametrize('flag', ['--method=rigl', '--init_from=y'])
def test_what_the_command_does_is_not_asked_for(flag):
  with pytest.raises(TransferError, match=rf'moves the ticket in --ticket\. Received: {flag.partition("=")[0]}\. Leave it out'):
    transfer.main(['transfer', '--task=shapes', '--ticket=x', flag])


def test_the_file_of_another_run_does_not_say_what_the_ticket_moves_to(tmp_path):
  (tmp_path / 'config.json').write_text('{"task": "shapes"}')
  with pytest.raises(TransferError, match='--task is needed'):
    transfer.main(['transfer', '--ticket=x', f'--config={tmp_path / "config.json"}'])


def test_a_ticket_is_needed():
  with pytest.raises(FlagError, match=r'--ticket is needed\. Received: none'):
    transfer.main(['transfer', '--task=shapes'])


@pytest.mark.parametrize('flag', ['--freeze_body', '--reactivate', '--control=dense_body'])
def test_controls_are_of_the_same_training(flag):
  with pytest.raises(TransferError, match=rf'the same training with another start\. Received: {flag.partition("=")[0]} too'):
    transfer.main(['transfer', '--task=shapes', '--ticket=x', '--controls', flag])


@pytest.mark.slow
@pytest.mark.long
def test_a_ticket_and_its_four_controls_are_trained_and_compared(tmp_path, monkeypatch, capsys):
  tiny.draw(tmp_path / 'source', sparsity=(0.5,), epochs=2, target_macs=0.7, search_interval=0.3, minimum_saving=0.1, prune_depthwise=True)
  ticket = tmp_path / 'source' / 'tickets' / 'sparsity_0.5'
  flags = [
    f'--ticket={ticket}',
    f'--workdir={tmp_path / "moved"}',
    '--controls',
    '--task=module:tests.tiny',
    '--epochs=2',
    '--batch_size=16',
  ]
  # A run's file names its supernet, which is not that of the moved ticket's body.
  settings = ['--recalibration_batches=2', f'--config={tmp_path / "source" / "config.json"}', '--search_interval=0.2']
  draw, drawn = drawing.draw_into, []

  def interrupted(task, config, workdir):
    drawn.append(workdir.path.name)
    if len(drawn) == 3:
      raise Interrupted('stopped')
    return draw(task, config, workdir)

  monkeypatch.setattr(drawing, 'draw_into', interrupted)
  assert transfer.main(['transfer', *flags, *settings]) == 130 and not (tmp_path / 'moved' / 'transfer.json').exists()
  done = {name: (tmp_path / 'moved' / name / 'metrics.jsonl').read_text() for name in ('none', 'random_weights')}
  assert transfer.main(['transfer', *flags, *settings]) == 0
  assert drawn[:3] == ['none', 'random_weights', 'random_mask'] and len(drawn) == 3 + 5
  assert all((tmp_path / 'moved' / name / 'metrics.jsonl').read_text() == rows for name, rows in done.items()), 'not trained again'
  shown, facts = capsys.readouterr().out, json.loads((tmp_path / 'moved' / 'transfer.json').read_text())
  assert list(facts['found']) == ['none', 'random_weights', 'random_mask', 'dense_body', 'drawn_here']
  assert facts['ticket'] == Ticket.load(ticket).fingerprint and 'random mask, random weights' in shown
  moved, own = facts['found']['none'], facts['found']['drawn_here']
  assert facts['found']['dense_body']['nonzero_macs'] > moved['nonzero_macs']
  assert facts['found']['dense_body']['zeros'] == 0 and own['macs'] <= moved['macs'] < moved['supernet_macs'] == own['supernet_macs']
  for row in (moved, own):
    assert (
      row['zeros'] / row['prunable'] == pytest.approx(row['sparsity'], abs=1 / row['prunable']) and row['sparsity'] == moved['sparsity']
    )
  assert Ticket.load(tmp_path / 'moved' / 'drawn_here' / 'tickets' / 'sparsity_0.5').provenance.config['prune_depthwise'] is True
  assert len({row['fingerprint'] for row in facts['found'].values()}) == 5
  # Another ticket in the same place: what was trained with the first is not passed off as its own.
  shutil.rmtree(ticket)
  shutil.copytree(tmp_path / 'moved' / 'drawn_here' / 'tickets' / 'sparsity_0.5', ticket)
  with pytest.raises(WorkdirError, match=r'to one configuration\. Received: --init_from=.* \(other contents than it had\) in .*none'):
    transfer.main(['transfer', *flags, *settings])


@pytest.mark.slow
def test_what_the_last_control_cannot_have_is_said_before_the_first_training(tmp_path, capsys):
  tiny.draw(tmp_path / 'source', sparsity=(0.5,), epochs=2, target_macs=0.7, search_interval=0.3, minimum_saving=0.1)
  ticket = tmp_path / 'source' / 'tickets' / 'sparsity_0.5'
  flags = [f'--ticket={ticket}', '--task=module:tests.tiny', '--epochs=2', '--batch_size=16', f'--workdir={tmp_path / "moved"}']
  with pytest.raises(ConfigError, match='prune_end'):
    transfer.main(['transfer', *flags, '--controls', '--prune_end=0.5'])
  with pytest.raises(RankingError, match='layer_floor'):
    transfer.main(['transfer', *flags, '--controls', '--layer_floor=0.6', '--dry_run'])
  assert not (tmp_path / 'moved').exists()
  capsys.readouterr()
  assert transfer.main(['transfer', *flags, '--dry_run']) == 0
  shown = capsys.readouterr().out
  assert 'transfer on module:tests.tiny' in shown and 'the mask of 50% stays as it is' in shown and not (tmp_path / 'moved').exists()
  assert transfer.main(['transfer', *flags, '--dry_run', '--reactivate', '--prune_interval=0.3']) == 0
  assert 'tickets     at 50% sparsity' in capsys.readouterr().out

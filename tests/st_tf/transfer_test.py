import json

import pytest

from st_tf import transfer
from st_tf.flags import FlagError
from st_tf.ticket import Ticket
from tests import tiny


def test_a_ticket_is_needed():
  with pytest.raises(FlagError, match=r'--ticket is needed\. Received: none'):
    transfer.main(['transfer', '--task=shapes'])


def test_the_comparison_names_every_row():
  row = {'metric': 'miou', 'validation': {'miou': 0.5}, 'test': {'miou': 0.25}, 'nonzero_macs': 1234}
  found = list(transfer.lines({'none': row, 'drawn_here': row}, 'a -> b'))
  assert found[1] == 'a -> b' and found[3].split() == ['the', 'ticket', '50.0%', '25.0%', '1,234']
  assert found[4].startswith('a ticket drawn on this task') and 'mean IoU' in found[2]


@pytest.mark.slow
def test_a_ticket_and_its_four_controls_are_trained_and_compared(tmp_path, capsys):
  tiny.draw(tmp_path / 'source', sparsity=(0.5,), epochs=2)
  ticket = tmp_path / 'source' / 'tickets' / 'sparsity_0.5'
  flags = [
    f'--ticket={ticket}',
    f'--workdir={tmp_path / "moved"}',
    '--controls',
    '--task=module:tests.tiny',
    '--epochs=2',
    '--batch_size=16',
  ]
  assert transfer.main(['transfer', *flags, '--recalibration_batches=2']) == 0
  shown, facts = capsys.readouterr().out, json.loads((tmp_path / 'moved' / 'transfer.json').read_text())
  assert list(facts['found']) == ['none', 'random_weights', 'random_mask', 'dense_body', 'drawn_here']
  assert facts['ticket'] == Ticket.load(ticket).fingerprint and 'random mask, random weights' in shown
  assert facts['found']['dense_body']['nonzero_macs'] > facts['found']['none']['nonzero_macs']
  assert len({row['fingerprint'] for row in facts['found'].values()}) == 5

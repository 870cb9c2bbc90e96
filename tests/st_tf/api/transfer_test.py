"""What a transfer cannot be is said before TensorFlow is loaded; the rest is as with the command."""

import pytest

from st_tf.api.transfer import TransferError, check, transfer
from st_tf.config.request import Request
from st_tf.ticket import TicketError


@pytest.mark.parametrize(
  ('given', 'controlled', 'message'),
  [
    ({}, False, '--task is needed: what the ticket moves to'),
    ({'task': 'shapes', 'sparsity': 0.5}, False, 'how sparse and how large a network is moved. Received: --sparsity'),
    ({'task': 'shapes', 'method': 'rigl'}, False, 'moves the ticket in --ticket. Received: --method'),
    ({'task': 'shapes', 'freeze_body': True}, True, '--controls do the same training with another start. Received: --freeze_body too'),
  ],
)
def test_what_contradicts_a_transfer_is_refused(given, controlled, message):
  with pytest.raises(TransferError, match=message):
    check(Request.of(given), controlled)


def test_a_task_at_hand_needs_no_name():
  check(Request.of({}), False, has_task=True)


def test_a_ticket_that_is_not_there_is_named(tmp_path):
  with pytest.raises(TicketError, match='A ticket is a folder with ticket.json'):
    transfer(tmp_path / 'nowhere', 'shapes')

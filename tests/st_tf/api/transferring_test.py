"""A ticket on its way to another task; the command's tests train."""

import pytest

from st_tf.api import controls
from st_tf.api.transferring import Transfer
from st_tf.config.request import Request
from tests import tiny


@pytest.fixture(scope='module')
def request_of():
  return Request.of({name: value for name, value in tiny.SETTINGS.items() if name not in ('sparsity', 'target_macs')} | {'task': 'other'})


def test_a_ticket_brings_its_network_and_goes_where_it_is_told(ticket_folder, request_of, tmp_path):
  move = Transfer.prepared(request_of, ticket_folder, tmp_path / 'moved', task=tiny.task())
  assert (move.config.method, move.config.supernet, move.config.init_from) == ('transfer', '', str(ticket_folder))
  assert move.root == tmp_path / 'moved' and move.names == ('none',)


def test_untold_it_goes_to_a_folder_that_names_the_ticket(ticket_folder, request_of):
  move = Transfer.prepared(request_of, ticket_folder, task=tiny.task())
  assert move.root.as_posix() == f'runs/other-transfer-{move.ticket.fingerprint[:8]}-0'


def test_controls_come_after_the_ticket(ticket_folder, request_of, tmp_path):
  assert controls.ALL[0] == 'none' and controls.ALL[-1] == controls.DRAWN_HERE and set(controls.NAMES) == set(controls.ALL)

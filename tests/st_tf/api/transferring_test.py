"""A ticket on its way to another task; the command's tests train."""

import dataclasses

import numpy as np
import pytest

from st_tf.api import controls
from st_tf.api.evaluate import evaluate
from st_tf.api.transferring import Transfer
from st_tf.arch.specs import SpecError
from st_tf.config.request import Request
from st_tf.runs.process import CALLED
from st_tf.search.analysis import analyse
from st_tf.ticket import Ticket
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


@pytest.mark.slow
def test_a_trained_networks_ticket_goes_to_other_classes_with_the_pixels_it_wants(trained_ticket, tmp_path):
  folder, source, _ = trained_ticket
  wanted = Request.of({'task': 'four', 'epochs': 1, 'batch_size': 16, 'recalibration_batches': 2})
  task = tiny.four()
  move = Transfer.prepared(wanted, folder, tmp_path / 'moved', task=task)
  assert move.task.mean == source.mean != task.mean and move.config.training.learning_rate == 0.05 * 16 / 32
  (path,) = move.run(CALLED)
  before, after = Ticket.load(folder), Ticket.load(path)
  assert (after.head.outputs, after.input_shape, after.survivors) == (4, (12, 12, 3), before.survivors)
  assert all(np.array_equal(mask, after.masks[name]) for name, mask in before.masks.items()) and after.masks
  assert analyse(after.arch).macs() == after.cost.macs < after.cost.supernet_macs == analyse(after.supernet).macs()
  assert after.provenance.source == before.fingerprint and after.predict(np.zeros((12, 12, 3), np.uint8)).label in task.labels
  assert evaluate(path, move.task).scores['top1'] == after.metrics['test']['top1']


def test_the_ticket_drawn_there_begins_with_the_same_trained_network(trained_ticket, tmp_path):
  folder, _, config = trained_ticket
  wanted = Request.of({'task': 'four', 'epochs': 1, 'batch_size': 16})
  move = Transfer.prepared(wanted, folder, tmp_path / 'moved', controlled=True, task=tiny.four())
  own = controls.drawn_here(
    move.task, move.ticket, move.config, tmp_path / 'supernet.json', {'sparsity': 0.8, 'macs': 9, 'supernet_macs': 10}
  )
  assert (own.supernet, own.pixels, own.search.unit_search, own.search.target_macs) == (config.supernet, 'signed', 'scores', 9.0)
  gone = {**move.ticket.provenance.config, 'supernet': 'keras:gone.keras'}
  ticket = dataclasses.replace(move.ticket, provenance=dataclasses.replace(move.ticket.provenance, config=gone))
  with pytest.raises(SpecError, match='gone.keras'):
    controls.check_drawn_here(move.task, ticket, move.config, tmp_path / 'supernet.json')


@pytest.mark.slow
def test_a_trained_networks_ticket_is_compared_with_all_controls(trained_ticket, tmp_path):
  wanted = Request.of({'task': 'four', 'epochs': 1, 'batch_size': 16, 'recalibration_batches': 2})
  move = Transfer.prepared(wanted, trained_ticket[0], tmp_path / 'moved', controlled=True, task=tiny.four())
  tickets = {path.parts[-3]: Ticket.load(path) for path in move.run(CALLED)}
  assert list(tickets) == list(controls.ALL) and len({ticket.fingerprint for ticket in tickets.values()}) == 5
  own, moved = tickets[controls.DRAWN_HERE], tickets['none']
  assert own.cost.macs <= moved.cost.macs and own.cost.supernet_macs == moved.cost.supernet_macs and own.sparsity == moved.sparsity
  assert tickets['dense_body'].cost.zeros == 0 and not tickets['dense_body'].masks

"""Every method that draws from first weights draws from a trained network too."""

import numpy as np
import pytest

from st_tf.api import drawing
from st_tf.comparing.entries import comparable
from st_tf.runs.workdir import Workdir
from st_tf.search.analysis import analyse
from st_tf.ticket import Ticket
from tests import tiny

SHORT = {
  'lottery': {'prune_rounds': 1},
  'search_then_lottery': {'prune_rounds': 1},
  'tuner': {'trials': 2, 'tuner': 'random'},
  'acdc': {'prune_begin': 0.0, 'prune_end': 1.0},
}
OWN = {'gmp', 'rigl', 'search_prune_retrain', 'search_then_lottery', 'synflow', 'tuner'}  # They do something of their own with a graph.
SEARCHING = {'supertickets', 'search_only', 'search_then_prune', 'search_prune_retrain', 'search_then_lottery'}


def drawn(path, folder, method, **settings):
  request = tiny.of_file(path, method=method, **SHORT.get(method, {}) | settings)
  task, config = drawing.prepared(request, tiny.task())
  workdir = Workdir(folder / method, config, stages=folder / 'stages', wait=True)
  return [Ticket.load(found) for found in drawing.draw_into(task, config, workdir, delivered=False)]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  """Where runs share their trainings."""
  return tmp_path_factory.mktemp('methods')


@pytest.mark.parametrize('method', [method if method in OWN else pytest.param(method, marks=pytest.mark.slow) for method in comparable()])
def test_a_method_draws_a_ticket_from_a_trained_network(method, trained_file, folder):
  (ticket,) = drawn(trained_file, folder, method)
  assert ticket.sparsity == (0.0 if method in ('dense', 'search_only') else 0.8)
  kept = sum(int(mask.sum()) for mask in ticket.masks.values())
  assert kept == pytest.approx((1 - ticket.sparsity) * sum(mask.size for mask in ticket.masks.values()), abs=2)
  assert all(not ticket.weights[name][~mask].any() for name, mask in ticket.masks.items())
  assert analyse(ticket.arch).macs() == ticket.cost.macs
  if method in SEARCHING or method == 'tuner':
    assert ticket.cost.macs <= 0.6 * ticket.cost.supernet_macs
  else:
    assert ticket.cost.macs == ticket.cost.supernet_macs
  left = {group.name: group.units for group in analyse(ticket.arch).groups}
  assert all(len(units) == left[name] for name, units in ticket.survivors.items())
  assert ticket.provenance.method == method and ticket.predict(np.zeros((8, 8, 3), np.uint8)).label in tiny.LABELS


@pytest.mark.slow
@pytest.mark.parametrize('method', comparable())
def test_the_same_command_ends_in_the_same_ticket(method, trained_file, folder, tmp_path):
  (first,), (second,) = drawn(trained_file, folder, method), drawn(trained_file, tmp_path, method)
  assert first.fingerprint == second.fingerprint and first.survivors == second.survivors
  assert first.provenance.training.macs == second.provenance.training.macs


def test_several_sparsities_are_a_ticket_each(trained_file, tmp_path):
  low, high = drawn(trained_file, tmp_path, 'supertickets', sparsity=(0.5, 0.8))
  assert (low.sparsity, high.sparsity) == (0.5, 0.8) and low.survivors == high.survivors
  assert [ticket.cost.zeros for ticket in (low, high)] == [int(share * low.cost.prunable) for share in (0.5, 0.8)]


def test_a_winning_ticket_goes_back_to_early_weights_of_the_units_that_are_left(trained_file, folder):
  (ticket,) = drawn(trained_file, folder, 'search_then_lottery')
  (searched,) = drawn(trained_file, folder, 'search_only')
  assert ticket.survivors == searched.survivors and ticket.arch == searched.arch

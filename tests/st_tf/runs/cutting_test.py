import math

import numpy as np
import pytest

from st_tf.models import cost
from st_tf.runs.cutting import cut, origin
from st_tf.ticket import Provenance, Ticket, TrainingCost
from tests import tiny

ORIGIN = Provenance(method='supertickets', seconds=1.5)


@pytest.fixture(scope='module')
def trainer():
  """In the middle of a run: soft thresholds, averages, one group of units gone."""
  found = tiny.trainer(tiny.SPECK)
  found.prune(0.3)
  tiny.train(found, 4)
  living = {group.name: np.ones(group.units, bool) for group in found.groups}
  living['head/increase0/k3'][2:] = False
  found.shrink(living)
  tiny.train(found, 2)
  return found


def calibration(trainer) -> list:
  return list(tiny.batches(trainer, epoch=9))[:2]


@pytest.mark.parametrize('sparsity', [0.5, 0.777, 0.9])
def test_the_saved_ticket_has_the_requested_zeros_to_one_weight(trainer, tmp_path, sparsity):
  with trainer.pruned_for_now(sparsity) as mask:
    cut(trainer, calibration(trainer), sparsity, ORIGIN).save(tmp_path / 'ticket')
  ticket = Ticket.load(tmp_path / 'ticket')
  zeros = sum(int(np.count_nonzero(ticket.weights[name] == 0)) for name in ticket.masks)
  assert zeros == ticket.cost.zeros == math.floor(sparsity * mask.size)
  assert all(np.array_equal(ticket.weights[name] != 0, kept) for name, kept in ticket.masks.items())


def test_the_ticket_says_what_the_trainer_says(trainer):
  images = next(tiny.batches(trainer))[0]
  with trainer.pruned_for_now(0.6):
    with trainer.evaluated(calibration(trainer)):
      expected = trainer.model(images, training=False).numpy()
      scores = trainer.scores('validation').result()
    ticket = cut(trainer, calibration(trainer), 0.6, ORIGIN)
  np.testing.assert_allclose(ticket.build_model(raw=True)(images, training=False), expected, atol=1e-5)
  assert ticket.metrics == {'validation': scores}


def test_cutting_leaves_the_run_as_it_was_and_twice_gives_the_same(trainer):
  before = trainer.state()
  tickets = [cut(trainer, calibration(trainer), 0.3, ORIGIN) for _ in range(2)]
  tiny.same_state(before, trainer.state())
  assert tickets[0].fingerprint == tickets[1].fingerprint


def test_a_kept_weight_that_is_zero_is_not_counted_as_pruned(trainer):
  before = trainer.state()
  trainer.prune(0.5, final=True)
  name = 'head/last/kernel'
  averages = trainer.averages.values()[name]
  averages[tuple(np.argwhere(trainer.mask[name])[0])] = 0
  trainer.averages.assign({name: averages})
  ticket = cut(trainer, calibration(trainer), 0.5, ORIGIN)
  assert np.array_equal(ticket.weights[name] != 0, ticket.masks[name])
  assert np.abs(ticket.weights[name] - averages).max() < 1e-30
  trainer.restore(before)


def test_the_costs_are_those_of_network_non_zeros_and_supernet(trainer):
  ticket = cut(trainer, calibration(trainer), 0.3, ORIGIN)
  found, initial = cost.of(trainer.model, trainer.mask), trainer.initial
  mask = trainer.mask
  assert ticket.cost.to_json() == {
    'params': found.params,
    'macs': found.macs,
    'nonzero_params': found.nonzero_params,
    'nonzero_macs': found.nonzero_macs,
    'prunable': mask.size,
    'zeros': mask.zeros,
    'supernet_params': initial['params'],
    'supernet_macs': initial['macs'],
    'supernet_prunable': initial['prunable'],
    'supernet_zeros': mask.zeros + initial['prunable'] - mask.size,
  }
  assert ticket.cost.supernet_macs > ticket.cost.macs > ticket.cost.nonzero_macs > 0
  assert ticket.cost.supernet_prunable > ticket.cost.prunable
  assert ticket.count().nonzero_macs == ticket.cost.nonzero_macs


def test_the_ticket_knows_where_it_comes_from(trainer):
  ticket = cut(trainer, calibration(trainer), 0.3, ORIGIN)
  assert ticket.provenance == ORIGIN and ticket.sparsity == 0.3
  assert (ticket.supernet, ticket.arch) == (tiny.SPECK, trainer.arch) and ticket.arch != tiny.SPECK
  assert ticket.survivors['head/increase0/k3'] == [0, 1]
  assert ticket.input_shape == (tiny.SIDE, tiny.SIDE, 3)
  assert ticket.task.labels == tiny.LABELS and ticket.task.image_size == (tiny.SIDE, tiny.SIDE)


def test_a_ticket_says_where_it_comes_from_and_what_it_has_cost():
  trainer = tiny.trainer(tiny.SPECK, searching=False)
  tiny.train(trainer, 2)
  found = origin(trainer, 'python -m st_tf.train', 3.5)
  assert found.method == 'supertickets' and found.command == 'python -m st_tf.train' and found.steps == 2
  assert found.training == TrainingCost(2 / tiny.STEPS_PER_EPOCH, 2 * tiny.BATCH * 3 * trainer.macs, 3.5)
  assert not {'source', 'trimmed', 'latency'} & found.to_json().keys() and 'tensorflow' in found.versions


def test_a_ticket_says_what_it_began_with_and_what_was_trimmed():
  trainer = tiny.trainer(tiny.SPECK, target_macs=0.5)
  trainer.source = 'abc'
  found = origin(trainer, '', 0.0, trimmed=12)
  assert found.trimmed == 12 and found.source == 'abc'


def test_a_ticket_says_which_splits_were_drawn_from_train(monkeypatch):
  trainer = tiny.trainer(tiny.SPECK, searching=False)
  assert 'splits' not in origin(trainer, '', 0.0).to_json()
  monkeypatch.setattr(trainer.task, 'origins', {'test': 'a tenth of train'})
  assert origin(trainer, '', 0.0).to_json()['splits'] == {'test': 'a tenth of train'}

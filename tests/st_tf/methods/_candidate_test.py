"""A candidate: what it begins with, how it becomes its ticket, when it is trained no further."""

import dataclasses
import random

import numpy as np
import pytest

from st_tf.arch.genome import Genome, Site, looked_at, price
from st_tf.arch.spaces import SPACES
from st_tf.methods import _candidate as candidate
from st_tf.methods._candidate import Beginning, Nursery, TooLarge, final_config, trial_config
from st_tf.methods._tuning import Failed
from st_tf.runs.continuing import DivergedError
from st_tf.runs.workdir import Workdir
from st_tf.training.plan import training_alone
from tests import tiny
from tests.st_tf.models.mobile_test import EACH

SPACE = SPACES['mobilenet3_mt_tiny']
SETTINGS = {'method': 'menas', 'target_macs': 25_000.0, 'trial_epochs': 1, 'epochs': 1}


@pytest.fixture(scope='module')
def nursery():
  task = tiny.task()
  return Nursery(SPACE, Site.of(SPACE.strides, task.image_size, task.head))


def drawn(nursery, folder, beginning, **settings):
  config = trial_config(tiny.config(**SETTINGS | settings))
  return nursery.drawn(beginning, tiny.task(), config, Workdir(folder, config))


@pytest.fixture(scope='module')
def parent(nursery, tmp_path_factory):
  return drawn(nursery, tmp_path_factory.mktemp('candidate') / 'run', Beginning(EACH))


def test_the_ticket_of_a_candidate_is_a_smaller_member_with_a_mask(nursery, parent):
  genome = candidate.genome_of(parent.arch, EACH)
  assert genome in SPACE and parent.arch == candidate.untrained(genome, nursery.site).arch
  assert price(genome, nursery.site).macs == parent.cost.macs <= 0.8 * price(EACH, nursery.site).macs == 0.8 * parent.cost.supernet_macs
  assert parent.sparsity == 0.5 and parent.cost.zeros == pytest.approx(parent.cost.prunable / 2, abs=1)
  assert all((parent.weights[name][~kept] == 0).all() for name, kept in parent.masks.items())
  assert {name: len(kept) for name, kept in parent.survivors.items()}['s0b0/expand'] == genome.stages[0][0].hidden


def test_units_that_have_gone_cost_nothing_and_looking_at_them_does(nursery, parent):
  whole = price(EACH, nursery.site).macs
  images, steps = tiny.SIZES['train'], tiny.STEPS_PER_EPOCH
  training = 3 * tiny.BATCH * (steps // 2 * whole + (steps - steps // 2) * parent.cost.macs)
  assert parent.provenance.training.macs == training + images * (whole + looked_at(EACH, nursery.site))
  assert parent.provenance.training.epochs == 2.0  # One of training; the pictures of one were looked at.


def test_a_child_begins_with_what_overlaps(nursery, parent):
  genome = candidate.genome_of(parent.arch, EACH)
  config = trial_config(tiny.config(**SETTINGS))
  trainer = nursery.trainer(genome, tiny.task(), config, training_alone(config, tiny.STEPS_PER_EPOCH))
  before = trainer.values()
  candidate.begin(trainer, Beginning(genome))
  assert all(np.array_equal(trainer.values()[name], value) for name, value in before.items())
  candidate.begin(trainer, Beginning(genome, (parent,), (0, 0)))
  assert all(np.array_equal(trainer.values()[name], value) for name, value in parent.weights.items() if value.ndim)


def test_what_a_training_begins_with_is_in_its_fingerprint(parent):
  alone, child, crossed = Beginning(EACH), Beginning(EACH, (parent,), (0, 0)), Beginning(EACH, (parent, parent), (0, 1))
  other = Beginning(SPACE.sample(random.Random(0)))
  assert len({each.fingerprint for each in (alone, child, crossed, other)}) == 4
  assert Beginning(Genome.from_text(EACH.to_text())).fingerprint == alone.fingerprint


def test_without_replacement_the_candidate_stays_whole(nursery):
  config = trial_config(tiny.config(**SETTINGS, replace=False))
  assert config.pruning.sparsity == (0.0,) and not config.evolution.replace
  assert config == trial_config(tiny.config(**SETTINGS, replace=False, ticket_macs=0.5, ticket_sparsity=0.2))


def test_settings_of_the_last_training_decide_nothing_in_a_trial():
  one = tiny.config(**SETTINGS)
  other = tiny.config(
    **SETTINGS, finalists=2, reactivation='masked', sparsity=(0.5,), quantize='int8', quantize_begin=0.9, fine_tune_epochs=0
  )
  assert trial_config(one) == trial_config(other)
  assert trial_config(tiny.config(**SETTINGS, ticket_sparsity=0.3)) != trial_config(one)
  assert final_config(other, 0.5).training.quantize == 'int8' and final_config(other, 0.5, 9.0) != final_config(other, 0.5)


@pytest.mark.parametrize(
  ('scores', 'since', 'patience', 'stalled'),
  [
    ([], 0, 1, False),
    ([0.1, 0.2, 0.2], 0, 0, False),
    ([0.1, 0.2, 0.2], 0, 1, True),
    ([0.1, 0.2, 0.2], 0, 2, False),
    ([0.3, 0.2, 0.2], 0, 2, True),
    ([0.3, 0.1, 0.2], 10, 1, False),  # Of the first epoch it was another network.
    ([0.3, 0.2, 0.1], 10, 1, True),
  ],
)
def test_a_trial_ends_when_its_score_has_not_risen_for_a_while(scores, since, patience, stalled):
  rows = [{'event': 'epoch', 'step': 10 * (number + 1), 'validation': {'top1': score}} for number, score in enumerate(scores)]
  assert candidate._has_stalled([{'event': 'shrink', 'step': 5}, *rows], 'top1', since, patience) == stalled


def test_a_loss_that_is_no_number_is_a_failed_trial_with_its_cost(nursery, tmp_path):
  with pytest.raises(Failed, match='The loss is a finite number') as failure:
    drawn(nursery, tmp_path / 'run', Beginning(EACH), learning_rate=1e30, warmup=0.0)
  assert failure.value.training.macs > 0


def test_a_last_training_that_diverges_says_what_it_took(nursery, tmp_path):
  config = final_config(tiny.config(**SETTINGS | {'learning_rate': 1e30, 'warmup': 0.0}), 0.8)
  with pytest.raises(Failed, match='The loss is a finite number') as failure:
    nursery.finished(Beginning(EACH), tiny.task(), config, Workdir(tmp_path / 'run', config))
  assert failure.value.training.macs > 0 and isinstance(failure.value.__cause__, DivergedError)


def test_a_ticket_that_cannot_be_as_sparse_is_a_failed_trial(nursery, tmp_path):
  with pytest.raises(Failed, match='No layer is emptied'):
    drawn(nursery, tmp_path / 'run', Beginning(EACH), ticket_sparsity=0.98, ticket_macs=1.0)


def test_a_network_that_cannot_become_small_enough_is_refused(nursery, tmp_path, monkeypatch):
  monkeypatch.setattr(Nursery, 'narrow', lambda *given: {})  # Nothing can go.
  config = final_config(tiny.config(**SETTINGS), 0.8, 100.0)
  with pytest.raises(TooLarge, match='The ticket meets the target. Received: 50,816 MACs of a network whose channels'):
    nursery.finished(Beginning(EACH), tiny.task(), config, Workdir(tmp_path / 'run', config))


@pytest.mark.slow
def test_a_network_above_the_target_is_narrowed_before_its_last_training(nursery, parent, tmp_path, monkeypatch):
  monkeypatch.setattr(candidate, 'train_to_the_end', lambda run: None)
  genome = candidate.genome_of(parent.arch, EACH)
  target = 0.9 * parent.cost.macs
  config = final_config(tiny.config(**SETTINGS), 0.8, target)
  ticket = nursery.finished(Beginning(genome, (parent,), (0, 0)), tiny.task(), config, Workdir(tmp_path / 'run', config))
  assert ticket.cost.macs <= target < ticket.cost.supernet_macs == parent.cost.macs
  assert candidate.genome_of(ticket.arch, genome) in SPACE
  assert dataclasses.replace(config.search, target_macs=0.0) == final_config(tiny.config(**SETTINGS), 0.8).search

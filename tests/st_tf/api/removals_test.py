"""What a plan says of a trained network before anything is trained."""

import pathlib

import pytest

from st_tf.api import drawing, dry_run, removals
from st_tf.config import ConfigError
from st_tf.methods import supertickets
from st_tf.methods._method import SEARCHED, SEARCHING, WHOLE, Training
from st_tf.runs.start import fresh
from st_tf.search import moments
from st_tf.ticket import Ticket
from tests import tiny


@pytest.fixture
def begun(trained_file):
  """(trainer without its weights, plan) of a run."""

  def begin(**settings):
    task, config = drawing.prepared(tiny.of_file(trained_file, **settings), tiny.task())
    plan = supertickets.plan(config, tiny.STEPS_PER_EPOCH)
    return fresh(task, config, plan), plan

  return begin


def test_the_plan_says_what_goes_and_what_that_saves(begun, trained_ticket):
  trainer, plan = begun()
  before, observed = trainer.macs, moments.macs(trainer.arch)
  first, second, third, fourth, fifth = removals.lines(trainer, plan, [Training('', 1.0, SEARCHING)], has_data=True)
  ticket = Ticket.load(trained_ticket[0])
  assert first == '  search      before the first step: 10 of 16 units in 1 groups go' and len(ticket.survivors['expand0']) == 6
  share = f'{ticket.cost.macs / before:.1%}'
  assert second.strip() == f'from {before:,} to {ticket.cost.macs:,} MACs ({share}); every later epoch costs {share} of a whole one'
  assert third.strip() == f'their scores: 96 training pictures, {96 * (before + observed):,} MACs'
  assert fourth.strip().startswith(f'all training {ticket.provenance.training.macs:,} MACs, as ')
  assert fifth.strip() == 'what stays: 4 units joined by skips; 8 units read by head/classifier, whose weights begin at random'
  assert trainer.macs == ticket.cost.macs  # The time of a step is that of the network that is trained.


def test_without_data_the_target_says_how_much_is_left(begun):
  trainer, plan = begun(target_macs=0.5)
  scoring = 96 * (trainer.macs + moments.macs(trainer.arch))
  before, trainings = trainer.macs, [Training('train', 2.0, WHOLE), Training('prune', 4.0, SEARCHED)]
  first, second, third, fourth, _ = removals.lines(trainer, plan, trainings, has_data=False)
  assert first == '  search      before the first step: some of 16 units in 1 groups go; which, scores say'
  assert f'from {before:,} to {before // 2:,} MACs (50.0%)' in second and trainer.macs == before
  total = scoring + 96 * 3 * (2 * before + 4 * before // 2)
  assert fourth.strip() == f'all training {total:,} MACs, as {total / (96 * 3 * before):.1f} epochs of the whole network'


def test_a_target_that_no_removal_meets_is_refused(begun):
  trainer, plan = begun(target_macs=0.01)
  with pytest.raises(ConfigError, match='--target_macs is at least what is left with one unit of each group'):
    list(removals.lines(trainer, plan, [], has_data=True))


def test_a_dry_run_has_these_lines(trained_ticket):
  _, task, config = trained_ticket
  said = '\n'.join(dry_run.describe(task, config, pathlib.Path('run')))
  assert 'before the first step: 10 of 16 units' in said and 'search      none' not in said and 'ms per step' in said

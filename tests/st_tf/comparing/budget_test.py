"""All trainings of a run keep to a budget together."""

import dataclasses

import pytest

from st_tf.comparing.budget import spent, trainings, within
from st_tf.comparing.entries import (
  comparable,
)
from st_tf.config import (
  ConfigError,
  Identity,
)
from st_tf.config.duration import epochs, share
from st_tf.methods._pipeline import retrain_epochs
from tests import tiny


@pytest.mark.parametrize(
  ('method', 'total'),
  # 4 epochs each. Lottery: 3 rounds from 5% of the first training on.
  [('gmp', 4), ('search_then_prune', 4), ('search_prune_retrain', 8), ('lottery', 4 + 3 * 3.8)],
)
def test_the_epochs_of_all_trainings(method, total):
  config = tiny.config(method=method, prune_rounds=3, epochs=4)
  assert sum(trainings(Identity.of(config)).values()) == pytest.approx(total)


TRYING = ('tuner', 'menas')  # Whose trials have epochs of their own.


def test_a_first_stage_is_counted_once_for_all_that_share_it():
  found = {}
  for method in ('search_then_prune', 'search_prune_retrain'):
    for sparsity in (0.5, 0.8):
      found |= trainings(Identity.of(tiny.config(method=method, sparsity=(sparsity,), epochs=4)))
  assert sum(found.values()) == 4 + 2 * 4
  rounds = {}
  for sparsity in (0.5, 0.8):  # Rounds to 20, 36 and 48.8% are the same for both.
    rounds |= trainings(Identity.of(tiny.config(method='lottery', sparsity=(sparsity,), epochs=4)))
  assert len(rounds) == 1 + 3 + 1 + 5
  assert trainings(Identity.of(tiny.config(method='search_only', sparsity=(0.5,), epochs=4))).keys().isdisjoint(found)


def test_a_budget_is_shared_by_all_trainings():
  config = within(tiny.config(method='search_prune_retrain', epochs=16), 16, 0)
  assert config.epochs == 8 and sum(trainings(Identity.of(config)).values()) == 16
  assert within(tiny.config(method='gmp', epochs=16), 10, 0).epochs == 10
  given = within(tiny.config(method='search_prune_retrain', epochs=16, retrain_epochs=4), 15, 0)
  assert (given.epochs, given.pipeline.retrain_epochs) == (12, 3)
  rest = within(tiny.config(method='search_prune_retrain', epochs=16, fine_tune_epochs=4, warmup=6.0), 15, 0)
  assert (rest.epochs, rest.pipeline.retrain_epochs, rest.training.fine_tune_epochs, rest.training.warmup) == (8, 7, 1, share(0.5))
  assert within(tiny.config(method='lottery', epochs=16, prune_rounds=4, rewind_to=0.0), 19, 0).epochs == 4
  tuner = within(tiny.config(method='tuner', epochs=16, trials=12), 47, 0)  # Of 11 epochs trials have 2, of 12 they would have 3.
  assert (tuner.epochs, tuner.pipeline.retrain_epochs, tuner.tuner.trial_epochs) == (12, 11, 2)
  with pytest.raises(ConfigError, match=r'at least one epoch\. Received: 2 epochs for 12 trainings of lottery'):
    within(tiny.config(method='lottery', epochs=16, sparsity=(0.9,)), 2, 0)


def test_a_teacher_counts_by_its_forward_passes():
  config = tiny.config(method='gmp', epochs=6, teacher='start')
  assert spent(config, 0) == pytest.approx(6 * 4 / 3) and within(config, 6, 0).epochs == 4


def test_with_a_budget_what_was_given_in_epochs_shrinks_with_the_training():
  given = {'warmup': 5.0, 'prune_end': 12.0, 'prune_begin': 0.2, 'learning_rate_milestones': (0.2, 16.0), 'search_end': 99.0}
  config = within(tiny.config(method='search_prune_retrain', epochs=24, fine_tune_epochs=4, **given), 24, 0)
  assert (config.epochs, config.training.fine_tune_epochs) == (12, 2)
  assert (config.training.warmup, config.pruning.prune_end, config.pruning.prune_begin) == (share(0.25), share(0.6), share(0.2))
  assert config.training.learning_rate_milestones == (share(0.2), share(0.8)) and config.search.search_end == epochs(99)
  rounds = tiny.config(method='lottery', epochs=16, prune_rounds=4, fine_tune_epochs=4)
  assert within(rounds, 15, 0).epochs == 3 and within(rounds, 15, 0).training.fine_tune_epochs == 0


def test_a_budget_counts_what_a_search_leaves():
  # The path falls from 1 to 0.5 between 0.1 and 0.55, seen 0.05 later on average: 0.1 + 0.225 + 0.05 of the training at 1, the rest at 0.5.
  given = {'epochs': 16, 'target_macs': 0.5, 'penalty_ramp': 0.1, 'search_end': 0.6, 'search_interval': 0.1}
  share = 0.375 + 0.625 * 0.5
  assert spent(tiny.config(method='supertickets', **given), 0) == pytest.approx(16 * share)
  assert spent(tiny.config(method='search_prune_retrain', retrain_epochs=6, **given), 0) == pytest.approx(16 * share + 6 * 0.5)
  assert spent(tiny.config(method='gmp', **given), 0) == 16
  assert spent(tiny.config(method='tuner', trials=2, trial_epochs=4, retrain_epochs=4, **given), 0) == (2 * 4 + 16 + 4) * 0.5
  # In numbers of MACs, and in epochs; a last cycle is trained after the search.
  in_macs = given | {'target_macs': 500.0, 'penalty_ramp': 1.6, 'search_end': 9.6, 'search_interval': 1.6}
  assert spent(tiny.config(method='supertickets', **in_macs), 1000) == pytest.approx(16 * share)
  tuned = given | {'fine_tune_epochs': 8}
  assert spent(tiny.config(method='supertickets', **tuned), 0) == pytest.approx(8 * share + 8 * 0.5)
  assert spent(tiny.config(method='supertickets', **given | {'target_macs': 0.0, 'penalty': 0.1}), 0) == 16
  in_ms = {'cost': 'latency:table.json', 'target_latency_ms': 3.0, 'trials': 4, 'trial_epochs': 2}
  assert spent(tiny.config(method='supertickets', **given | in_ms), 0) == 16  # What is left nobody knows.
  assert spent(tiny.config(method='menas', **given | in_ms), 0) == (4 * 2 + 16) * 0.5
  config = within(tiny.config(method='supertickets', **given), 8.5, 0)
  assert config.epochs == 12 and spent(config, 0) <= 8.5 < spent(dataclasses.replace(config, epochs=13), 0)


def test_a_target_that_is_far_too_small_is_left_to_whoever_checks_targets():
  assert within(tiny.config(method='search_then_prune', epochs=16, target_macs=8.0), 9, 13_000_000).epochs > 16
  assert within(tiny.config(method='tuner', epochs=16, target_macs=8.0), 9, 13_000_000).epochs > 1000


@pytest.mark.parametrize('method', comparable())
@pytest.mark.parametrize('budget', [32, 47])
@pytest.mark.parametrize('given', [{}, {'target_macs': 0.6}, {'retrain_epochs': 4, 'trial_epochs': 1}])
def test_a_budget_is_never_exceeded_and_one_epoch_more_each_would_exceed_it(method, budget, given):
  config = within(tiny.config(method=method, epochs=16, prune_rounds=4, **given), budget, 0)
  assert spent(config, 0) <= budget and (
    config.method in TRYING or given or spent(config, 0) == pytest.approx(sum(trainings(Identity.of(config)).values()))
  )
  if 'retrain_epochs' not in given and method not in TRYING:
    more = retrain_epochs(config) + 1
    pipeline = dataclasses.replace(config.pipeline, retrain_epochs=more)
    assert spent(dataclasses.replace(config, epochs=more, pipeline=pipeline), 0) > budget
    first_alone = dataclasses.replace(config.pipeline, retrain_epochs=more - 1)
    assert config.epochs == more or (
      config.epochs == more - 1 and spent(dataclasses.replace(config, epochs=more, pipeline=first_alone), 0) > budget
    )

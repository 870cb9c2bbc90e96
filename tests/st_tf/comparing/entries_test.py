import dataclasses

import pytest

from st_tf import methods
from st_tf.comparing.entries import (
  Cell,
  Entry,
  cells,
  check_sparsities,
  comparable,
  cost,
  entries,
  essential,
  ranking,
  settings,
  trainings,
  within,
)
from st_tf.config import (
  LEARNING_RATE_SCHEDULES,
  Config,
  ConfigError,
  Identity,
  PipelineConfig,
  PruningConfig,
  SearchConfig,
  TrainingConfig,
  TunerConfig,
)
from st_tf.config.duration import epochs, share
from st_tf.methods._pipeline import retrain_epochs
from st_tf.training.plan import training_alone
from tests import tiny
from tests.st_tf.config.config_test import other_value


def test_methods_are_read_with_settings_of_their_own():
  first, second = entries('gmp, supertickets:reactivation=masked:layer_floor=0.5')
  assert first == Entry('gmp', 'gmp')
  assert second.method == 'supertickets' and second.settings == (('reactivation', 'masked'), ('layer_floor', 0.5))


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('', r'--methods names at least one method\. Received: none\.'),
    ('gmp,sniip', r"--methods are of supertickets, acdc, dense, .* Received: 'sniip'\. Did you mean snip\?"),
    ('transfer', r"--methods are of .* Received: 'transfer'\."),
    ('gmp,gmp', r'--methods names each method once\. Received: gmp twice'),
    ('gmp:reactivatio=masked', r"METHOD:NAME=VALUE\. Received: 'reactivatio=masked' in .* Did you mean reactivation\?"),
    ('gmp:method=rigl', r"METHOD:NAME=VALUE\. Received: 'method=rigl' in"),
    ('gmp:seed=5', r"METHOD:NAME=VALUE\. Received: 'seed=5' in"),
    ('gmp:sparsity=0.5', r"METHOD:NAME=VALUE\. Received: 'sparsity=0.5' in"),
    ('gmp:masked', r"METHOD:NAME=VALUE\. Received: 'masked' in"),
    ('gmp:prune_end=late', r"--prune_end is a share of the training .* Received: 'late'"),
    ('supertickets:reactivation=mask', r"--reactivation is one of .* Received: 'mask'\. Did you mean masked\?"),
  ],
)
def test_methods_that_cannot_be_compared_are_refused(text, message):
  with pytest.raises(ConfigError, match=message):
    entries(text)


@pytest.mark.parametrize(
  ('sparsities', 'message'),
  [
    ((0.9, 90.0), 'Received: 90. Write 90 percent as'),
    ((0.0,), 'Received: 0.'),
    ((0.9, 0.8, 0.9), 'different ones. Received: 0.9,0.8,0.9'),
  ],
)
def test_bad_sparsities_are_refused(sparsities, message):
  with pytest.raises(ConfigError, match=message):
    check_sparsities(sparsities)


def test_every_method_runs_at_every_sparsity_and_seed_and_those_that_keep_everything_once_per_seed():
  gmp, dense = entries('gmp,dense')
  found = cells((gmp, dense), (0.8, 0.9), (3, 4))
  assert found == [
    *(Cell(gmp, sparsity, seed) for sparsity in (0.8, 0.9) for seed in (3, 4)),
    *(Cell(dense, 0.0, seed) for seed in (3, 4)),
  ]
  assert len(cells((gmp,), (0.8,), (0,), budget=8)) == 2


@pytest.mark.parametrize('label', ['gmp:epochs=2', 'search_prune_retrain:retrain_epochs=2', 'tuner:trial_epochs=1'])
def test_what_brings_lengths_of_its_own_shares_no_budget_and_is_not_what_others_are_compared_with_at_one(label):
  first, own = entries(f'snip,{label}')
  assert [(cell.entry, cell.budget) for cell in cells((first, own), (0.8,), (0,), budget=8)] == [(first, 0), (first, 8), (own, 0)]
  with pytest.raises(ConfigError, match=f'With --budget the first method brings no epochs of its own. Received: {label}.'):
    cells((own, first), (0.8,), (0,), budget=8)


def test_weights_are_compared_as_the_settings_say_or_as_a_method_was_published():
  assert ranking(tiny.config(method='gmp', ranking='lamp')) == 'lamp'
  assert ranking(tiny.config(method='soft_threshold', ranking='lamp')) == 'global'


def test_a_run_has_the_shared_settings_its_own_and_the_learning_rate_of_its_method():
  (entry,) = entries('supertickets:ranking=lamp')
  config = settings(Cell(entry, 0.8, 7), tiny.config(momentum=0.5), 0.3)
  assert (config.method, config.seed, config.pruning.sparsity, config.pruning.ranking) == ('supertickets', 7, (0.8,), 'lamp')
  assert config.training.learning_rate == 0.3 and config.training.momentum == 0.5
  (longer,) = entries('rigl:epochs=9:learning_rate=0.2')
  config = settings(Cell(longer, 0.8, 7), tiny.config(), 0.3)
  assert (config.epochs, config.training.learning_rate) == (9, 0.2)


@pytest.mark.parametrize('method', comparable())
def test_settings_that_a_method_does_not_read_make_no_other_run_and_are_not_its_own(method):
  reads = methods.named(method).reads
  table = {'cost': 'latency:table.json'}  # Which a target in milliseconds needs.
  for field in [field for group in (SearchConfig, PruningConfig, PipelineConfig, TunerConfig) for field in dataclasses.fields(group)]:
    if field.name == 'sparsity':
      continue
    before = tiny.config(method=method, **table if field.name == 'target_latency_ms' else {})
    value = other_value(field)
    after = Config.from_flat(before.flat() | {field.name: value})
    assert (essential(before) == essential(after)) == (field.name not in reads), field.name
    if field.name not in reads:
      with pytest.raises(ConfigError, match=f"{method} has settings that change what it draws. Received: '{field.name}="):
        entries(f'{method}:{field.name}={str(value).lower()}')


@pytest.mark.parametrize('schedule', LEARNING_RATE_SCHEDULES)
def test_settings_that_a_learning_rate_schedule_does_not_read_make_no_other_run(schedule):
  usual = tiny.config(learning_rate_schedule=schedule, warmup=0.0)
  for name, value in (('learning_rate_decay', 0.5), ('decay_interval', 1.0), ('learning_rate_milestones', (0.1, 0.2))):
    other = tiny.config(learning_rate_schedule=schedule, warmup=0.0, **{name: value})
    rates = [[training_alone(config, 6).learning_rate(step) for step in range(24)] for config in (usual, other)]
    assert (rates[0] == rates[1]) == (essential(usual) == essential(other)), name
  (gmp,) = entries('gmp')
  shared = settings(Cell(gmp, 0.8, 0, 3), tiny.config(learning_rate_schedule=schedule, epochs=4), 0.1)
  (own,) = entries('gmp:epochs=3')
  own = settings(Cell(own, 0.8, 0), tiny.config(learning_rate_schedule=schedule, epochs=4), 0.1)
  assert (shared == own) == (schedule not in ('exponential', 'step'))  # Whose interval shrinks with the training.


def test_a_setting_of_a_methods_own_that_its_learning_rate_schedule_does_not_read_is_refused():
  usual = TrainingConfig().decay_interval
  entry, default = entries(f'gmp:decay_interval=1,gmp:decay_interval={usual}')
  for each in (entry, default):
    with pytest.raises(ConfigError, match=rf"schedule reads\. Received: decay_interval in '{each.label}' .*=cosine\."):
      settings(Cell(each, 0.8, 0), tiny.config(), 0.1)
  assert settings(Cell(entry, 0.8, 0), tiny.config(learning_rate_schedule='step'), 0.1).training.decay_interval == share(1)


def test_what_changes_nothing_does_not_make_another_run():
  (dense,) = entries('dense')
  runs = {settings(Cell(dense, 0.0, 0), tiny.config(prune_end=end, target_macs=macs), 0.1) for end, macs in ((0.7, 0.5), (0.8, 0.6))}
  assert len(runs) == 1


@pytest.mark.parametrize(
  ('method', 'total'),
  # 4 epochs each. Lottery: 3 rounds from 5% of the first training on.
  [('gmp', 4), ('search_then_prune', 4), ('search_prune_retrain', 8), ('lottery', 4 + 3 * 3.8)],
)
def test_the_epochs_of_all_trainings(method, total):
  config = tiny.config(method=method, prune_rounds=3, epochs=4)
  assert sum(trainings(Identity.of(config)).values()) == pytest.approx(total)


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
  assert cost(tiny.config(method='supertickets', **given), 0) == pytest.approx(16 * share)
  assert cost(tiny.config(method='search_prune_retrain', retrain_epochs=6, **given), 0) == pytest.approx(16 * share + 6 * 0.5)
  assert cost(tiny.config(method='gmp', **given), 0) == 16
  assert cost(tiny.config(method='tuner', trials=2, trial_epochs=4, retrain_epochs=4, **given), 0) == (2 * 4 + 16 + 4) * 0.5
  # In numbers of MACs, and in epochs; a last cycle is trained after the search.
  in_macs = given | {'target_macs': 500.0, 'penalty_ramp': 1.6, 'search_end': 9.6, 'search_interval': 1.6}
  assert cost(tiny.config(method='supertickets', **in_macs), 1000) == pytest.approx(16 * share)
  tuned = given | {'fine_tune_epochs': 8}
  assert cost(tiny.config(method='supertickets', **tuned), 0) == pytest.approx(8 * share + 8 * 0.5)
  assert cost(tiny.config(method='supertickets', **given | {'target_macs': 0.0, 'penalty': 0.1}), 0) == 16
  config = within(tiny.config(method='supertickets', **given), 8.5, 0)
  assert config.epochs == 12 and cost(config, 0) <= 8.5 < cost(dataclasses.replace(config, epochs=13), 0)


def test_a_target_that_is_far_too_small_is_left_to_whoever_checks_targets():
  assert within(tiny.config(method='search_then_prune', epochs=16, target_macs=8.0), 9, 13_000_000).epochs > 16
  assert within(tiny.config(method='tuner', epochs=16, target_macs=8.0), 9, 13_000_000).epochs > 1000


@pytest.mark.parametrize('method', comparable())
@pytest.mark.parametrize('budget', [32, 47])
@pytest.mark.parametrize('given', [{}, {'target_macs': 0.6}, {'retrain_epochs': 4, 'trial_epochs': 1}])
def test_a_budget_is_never_exceeded_and_one_epoch_more_each_would_exceed_it(method, budget, given):
  config = within(tiny.config(method=method, epochs=16, prune_rounds=4, **given), budget, 0)
  assert cost(config, 0) <= budget and (
    config.method == 'tuner' or given or cost(config, 0) == pytest.approx(sum(trainings(Identity.of(config)).values()))
  )
  if 'retrain_epochs' not in given and method != 'tuner':
    more = retrain_epochs(config) + 1
    pipeline = dataclasses.replace(config.pipeline, retrain_epochs=more)
    assert cost(dataclasses.replace(config, epochs=more, pipeline=pipeline), 0) > budget
    first_alone = dataclasses.replace(config.pipeline, retrain_epochs=more - 1)
    assert config.epochs == more or (
      config.epochs == more - 1 and cost(dataclasses.replace(config, epochs=more, pipeline=first_alone), 0) > budget
    )


@pytest.mark.parametrize('method', comparable())
def test_every_method_can_be_planned(method):
  assert sum(trainings(Identity.of(tiny.config(method=method))).values()) >= 4

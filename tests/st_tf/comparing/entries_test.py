import dataclasses

import pytest

from st_tf import methods
from st_tf.comparing.budget import trainings
from st_tf.comparing.entries import (
  Cell,
  Entry,
  cells,
  check_sparsities,
  comparable,
  config_of,
  entries,
  essential,
  ranking,
)
from st_tf.config import (
  LEARNING_RATE_SCHEDULES,
  Config,
  ConfigError,
  ElasticConfig,
  EvolutionConfig,
  Identity,
  PipelineConfig,
  PruningConfig,
  SearchConfig,
  TrainingConfig,
  TunerConfig,
)
from st_tf.config.duration import share
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
  config = config_of(Cell(entry, 0.8, 7), tiny.config(momentum=0.5), 0.3)
  assert (config.method, config.seed, config.pruning.sparsity, config.pruning.ranking) == ('supertickets', 7, (0.8,), 'lamp')
  assert config.training.learning_rate == 0.3 and config.training.momentum == 0.5
  (longer,) = entries('rigl:epochs=9:learning_rate=0.2')
  config = config_of(Cell(longer, 0.8, 7), tiny.config(), 0.3)
  assert (config.epochs, config.training.learning_rate) == (9, 0.2)


@pytest.mark.parametrize('method', comparable())
def test_settings_that_a_method_does_not_read_make_no_other_run_and_are_not_its_own(method):
  reads = methods.named(method).reads
  needed = {'target_latency_ms': {'cost': 'latency:table.json'}, 'penalised': {'target_macs': 0.5}}
  groups = (SearchConfig, PruningConfig, PipelineConfig, TunerConfig, EvolutionConfig, ElasticConfig)
  for field in [field for group in groups for field in dataclasses.fields(group)]:
    if field.name == 'sparsity':
      continue
    before = tiny.config(method=method, **needed.get(field.name, {}))
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
  shared = config_of(Cell(gmp, 0.8, 0, 3), tiny.config(learning_rate_schedule=schedule, epochs=4), 0.1)
  (own,) = entries('gmp:epochs=3')
  own = config_of(Cell(own, 0.8, 0), tiny.config(learning_rate_schedule=schedule, epochs=4), 0.1)
  assert (shared == own) == (schedule not in ('exponential', 'step'))  # Whose interval shrinks with the training.


def test_a_setting_of_a_methods_own_that_its_learning_rate_schedule_does_not_read_is_refused():
  usual = TrainingConfig().decay_interval
  entry, default = entries(f'gmp:decay_interval=1,gmp:decay_interval={usual}')
  for each in (entry, default):
    with pytest.raises(ConfigError, match=rf"schedule reads\. Received: decay_interval in '{each.label}' .*=cosine\."):
      config_of(Cell(each, 0.8, 0), tiny.config(), 0.1)
  assert config_of(Cell(entry, 0.8, 0), tiny.config(learning_rate_schedule='step'), 0.1).training.decay_interval == share(1)


def test_what_changes_nothing_does_not_make_another_run():
  (dense,) = entries('dense')
  runs = {config_of(Cell(dense, 0.0, 0), tiny.config(prune_end=end, target_macs=macs), 0.1) for end, macs in ((0.7, 0.5), (0.8, 0.6))}
  assert len(runs) == 1


@pytest.mark.parametrize('method', comparable())
def test_every_method_can_be_planned(method):
  assert sum(trainings(Identity.of(tiny.config(method=method))).values()) >= 4

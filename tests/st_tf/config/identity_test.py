import json

import pytest

from st_tf.config import Config, Identity, TrainingConfig, leaves
from st_tf.config.config import checked_settings
from tests.st_tf.config.config_test import other_value

FILES = [('supernet', ''), ('cost', 'latency:'), ('class_names', ''), ('detections', '')]


def fingerprint(**settings) -> str:
  return Identity.of(Config.from_flat(settings)).fingerprint


@pytest.fixture
def file(tmp_path):
  (tmp_path / 'network.json').write_text('first')
  return tmp_path / 'network.json'


@pytest.mark.parametrize('field', leaves(), ids=lambda field: field.name)
def test_the_fingerprint_changes_with_every_setting_that_changes_the_result(field):
  before = {'cost': 'latency:first.json'} if field.name == 'target_latency_ms' else {}
  after = checked_settings(before | {field.name: other_value(field)})
  assert Config.from_flat(after) != Config.from_flat(before)
  assert (fingerprint(**after) == fingerprint(**before)) == (field.name in ('keep_checkpoints', 'data_dir'))


def test_a_whole_number_and_its_float_are_the_same_setting():
  assert fingerprint(penalty=1, sparsity=0) == fingerprint(penalty=1.0, sparsity=[0.0])
  whole, real = (Config(training=TrainingConfig(learning_rate=rate)) for rate in (1, 1.0))
  assert Identity.of(whole).fingerprint == Identity.of(real).fingerprint


@pytest.mark.parametrize(('name', 'prefix'), FILES)
def test_of_a_file_the_contents_count_and_not_where_it_is(name, prefix, tmp_path):
  paths = [tmp_path / folder / 'file.json' for folder in ('one', 'two')]
  for path in paths:
    path.parent.mkdir()
    path.write_text('first')
  one, two = (Identity.of(Config.from_flat({name: f'{prefix}{path}'})) for path in paths)
  before = one.fingerprint
  assert two.fingerprint == before and one.decisive() == two.decisive()
  portable = one.portable()
  assert str(tmp_path) not in str(portable) and fingerprint(**portable) == before
  assert Identity.of(Config.from_flat(portable)).portable() == portable
  paths[0].write_text('second')
  assert Identity.of(one.settings).fingerprint != before
  assert one.fingerprint == before, 'a run has read its files when it began'
  assert fingerprint(**{name: f'{prefix}{"x" * 300}'})


def test_a_part_of_a_run_has_what_the_run_has_read_and_reads_the_rest(file):
  run = Identity.of(Config(supernet=str(file), method='lottery'))
  table = file.with_name('table.json')
  table.write_text('a table')
  file.write_text('second')
  part = run.derived(Config.from_flat({'supernet': str(file), 'cost': f'latency:{table}', 'method': 'dense'}))
  assert part.digests['supernet'] == run.digests['supernet'] and part.digests.keys() == {'supernet', 'cost'}
  assert run.derived(run.settings) == run != Identity.of(run.settings)
  assert run.derived(Config()).digests == {}


def test_a_file_that_came_after_the_run_began_is_not_the_runs(tmp_path):
  run = Identity.of(Config(supernet=str(tmp_path / 'network.json')))
  (tmp_path / 'network.json').write_text('late')
  assert run.derived(Config(supernet=run.settings.supernet, method='dense')).digests == {}


def test_folders_are_named_by_method_seed_settings_and_source():
  run = Identity.of(Config(method='rigl', seed=3))
  assert run.run_name() == f'rigl-3-{run.fingerprint[:10]}' and run.run_name('a' * 64) == f'{run.run_name()}-{"a" * 10}'


def test_what_has_changed_is_told_as_flags(file):
  before, finished = Config(supernet=str(file), epochs=3), False
  then = Identity.of(before)
  assert then.changed_from(before, then.digests, finished) == []
  other = Identity.of(Config(supernet=str(file), epochs=4, keep_checkpoints=7))
  assert other.changed_from(before, then.digests, finished) == ['--epochs=4 (was 3)']
  file.write_text('second')
  assert Identity.of(before).changed_from(before, then.digests, finished) == [f'--supernet={file} (other contents than it had)']
  file.unlink()
  assert Identity.of(before).changed_from(before, then.digests, finished) == [f'--supernet={file} (not there any more)']
  assert Identity.of(before).changed_from(before, then.digests, finished=True) == []


def test_what_decides_can_be_written_down_and_runs_are_told_apart_in_sets():
  one, two = (Identity.of(Config(seed=seed)) for seed in (1, 2))
  assert json.loads(json.dumps(one.decisive()))['seed'] == 1
  assert len({one, two, Identity.of(Config(seed=1))}) == 2

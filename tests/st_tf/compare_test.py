import dataclasses
import importlib
import json
import pathlib
import shutil
import time

import pytest
import tensorflow as tf

from st_tf.arch import presets
from st_tf.comparing.runner import Launcher
from st_tf.config import Config, ConfigError
from st_tf.errors import UserError
from st_tf.models import build, cost
from st_tf.pruning.ranking import RankingError
from st_tf.runs.cutting import cut, origin
from st_tf.runs.workdir import Workdir
from st_tf.ticket import TicketError
from tests import tiny
from tests.st_tf.comparing import pretended
from tests.st_tf.comparing.pretended import SCORES, Launch

compare = importlib.import_module('st_tf.compare')


@pytest.fixture(scope='module')
def ticket():
  trainer = tiny.trainer(tiny.SPECK, searching=False)
  trainer.meter.count(tiny.BATCH, 3 * tiny.BATCH * trainer.macs)
  trainer.prune(0.5, final=True)
  return cut(trainer, tiny.batches(trainer), 0.5, origin(trainer, '', 1.0))


@pytest.fixture
def launch(ticket, monkeypatch):
  """What stands for the processes that train."""
  chosen = Launch(ticket)
  for name, function in pretended.once().items():
    monkeypatch.setattr(name, function)
  monkeypatch.setattr('st_tf.comparing.runner.Launcher', lambda root, jobs: chosen)
  monkeypatch.setattr('st_tf.api.dry_run.seconds_of_steps', lambda task, config: (0.5, 0.1))
  return chosen


@pytest.fixture(scope='module', autouse=True)
def supernet(tmp_path_factory):
  """The file of a network that is quick to build."""
  path = tmp_path_factory.mktemp('supernet') / 'speck.json'
  path.write_text(presets.to_text(tiny.SPECK))
  with pytest.MonkeyPatch.context() as patch:
    patch.setitem(tiny.SETTINGS, 'supernet', str(path))
    yield path


def run(tmp_path, **given) -> int:
  settings = tiny.SETTINGS | {'workdir': str(tmp_path / 'run'), 'methods': 'gmp,snip', 'seeds': 2}
  settings = {name: value for name, value in settings.items() if name != 'sparsity'} | {'sparsities': '0.5'} | given
  return compare.main(['compare', *(f'--{name}={value}' for name, value in settings.items())])


def test_a_table_of_all_methods_sparsities_and_seeds(launch, tmp_path, capsys):
  assert run(tmp_path, sparsities='0.5,0.8') == 0
  assert {entry[:3] for entry in launch.done} == {
    (method, (sparsity,), seed) for method in ('gmp', 'snip') for sparsity in (0.5, 0.8) for seed in (0, 1)
  }
  said = capsys.readouterr().out
  assert '8, made of 8 trainings with 32 epochs in all; 0 are finished' in said and '[8/8] snip at 80%, seed 1' in said
  rows = json.loads((tmp_path / 'run' / 'comparison.json').read_text())['rows']
  assert [(row['method'], row['sparsity'], row['seeds']) for row in rows] == [
    *[('gmp', 0.5, 2), ('gmp', 0.8, 2), ('snip', 0.5, 2), ('snip', 0.8, 2)]
  ]
  assert all(row['score_mean'] is not None and row['tflite_bytes'] > 1000 for row in rows)
  assert (tmp_path / 'run' / 'index.html').is_file()


def test_finished_runs_are_kept(launch, tmp_path, capsys):
  run(tmp_path)
  launch.done.clear()
  assert run(tmp_path, seeds=3) == 0
  assert [(entry[0], entry[2]) for entry in launch.done] == [('gmp', 2), ('snip', 2)]
  assert '6, made of 6 trainings with 24 epochs in all; 4 are finished' in capsys.readouterr().out


def test_records_of_another_machine_are_not_done_again(launch, tmp_path, capsys):
  assert run(tmp_path, records=tmp_path / 'records') == 0
  table = (tmp_path / 'run' / 'comparison.csv').read_text()
  shutil.rmtree(tmp_path / 'run')
  launch.done.clear()
  assert run(tmp_path, records=tmp_path / 'records') == 0
  assert not launch.done and (tmp_path / 'run' / 'comparison.csv').read_text() == table
  assert '4 are finished' in capsys.readouterr().out


def test_where_no_records_can_be_written_is_said_before_anything_is_trained(launch, tmp_path):
  (tmp_path / 'file').write_text('')
  with pytest.raises(UserError, match=r'--records is a folder that can be written to\. Received: .*file.records'):
    run(tmp_path, records=tmp_path / 'file' / 'records')
  assert not launch.done


def test_a_table_of_what_is_recorded_trains_nothing_and_leaves_out_the_rest(launch, tmp_path):
  assert run(tmp_path, seeds=1) == 0
  launch.done.clear()
  assert run(tmp_path, seeds=3, sparsities='0.5,0.8', methods='gmp,snip,grasp', collect='true') == 0
  rows = json.loads((tmp_path / 'run' / 'comparison.json').read_text())['rows']
  assert not launch.done and [(row['method'], row['sparsity'], row['seeds']) for row in rows] == [('gmp', 0.5, 1), ('snip', 0.5, 1)]
  with pytest.raises(UserError, match=r'a table of recorded runs\. Received: none with these settings'):
    run(tmp_path, methods='grasp', collect='true')
  with pytest.raises(UserError, match=r'with the first method\. Received: no recorded run of grasp'):
    run(tmp_path, methods='grasp,gmp', collect='true')


def test_the_test_split_is_left_alone_while_settings_are_chosen(launch, tmp_path):
  assert run(tmp_path, split='validation') == 0
  facts = json.loads((tmp_path / 'run' / 'comparison.json').read_text())
  assert facts['split'] == 'validation' and [row['score_mean'] for row in facts['rows']] == [0.4, 0.5]
  assert 'on the test split' not in (tmp_path / 'run' / 'comparison.md').read_text()
  saved = [json.loads(path.read_text()) for path in (tmp_path / 'run' / 'records').iterdir()]
  assert len(saved) == 4 and all(list(record['metrics']) == ['validation'] for record in saved)
  # Asked for later, the tickets that are there are scored; nothing is trained again.
  launch.done.clear()
  assert run(tmp_path) == 0 and not launch.done
  saved = [json.loads(path.read_text()) for path in (tmp_path / 'run' / 'records').iterdir()]
  assert all('test' in record['metrics'] for record in saved)


def test_a_ticket_that_cannot_be_used_is_a_line_in_the_table(launch, tmp_path, monkeypatch):
  def broken(path, task, batch_size, simple):
    raise TicketError('A ticket is whole. Received: half of one.')

  monkeypatch.setattr('st_tf.api.delivery.scored', broken)
  assert run(tmp_path, methods='gmp', seeds=1) == 1
  assert '- gmp at 50%, seed 0: A ticket is whole.' in (tmp_path / 'run' / 'comparison.md').read_text()


def test_what_fails_while_a_ticket_is_measured_is_a_line_too(launch, tmp_path, monkeypatch):
  def crowded(path, task, batch_size, simple):
    raise tf.errors.ResourceExhaustedError(None, None, 'out of memory\nmore')

  monkeypatch.setattr('st_tf.api.delivery.scored', crowded)
  assert run(tmp_path, methods='gmp') == 1
  text = (tmp_path / 'run' / 'comparison.md').read_text()
  assert 'seed 0: ResourceExhaustedError: out of memory\n' in text and 'seed 1: ResourceExhaustedError' in text


@pytest.mark.slow
def test_comparisons_may_share_runs_and_have_tables_of_their_own(launch, tmp_path):
  run(tmp_path)
  launch.done.clear()
  assert run(tmp_path, methods='snip', out=tmp_path / 'other') == 0
  assert not launch.done and 'gmp' in (tmp_path / 'run' / 'comparison.csv').read_text()
  assert 'gmp' not in (tmp_path / 'other' / 'comparison.csv').read_text() and (tmp_path / 'other' / 'index.html').is_file()


def test_a_crashed_run_is_a_line_in_the_table_and_is_tried_again_next_time(launch, tmp_path, capsys):
  launch.broken = (1,)
  assert run(tmp_path) == 1
  assert 'without a result: gmp at 50%, seed 1: ended by SIGKILL' in capsys.readouterr().out
  assert '- snip at 50%, seed 1: ended by SIGKILL' in (tmp_path / 'run' / 'comparison.md').read_text()
  launch.broken = ()
  launch.done.clear()
  assert run(tmp_path) == 0 and len(launch.done) == 2


def test_every_method_tries_as_many_learning_rates_and_takes_its_best_on_validation(launch, tmp_path):
  assert run(tmp_path, learning_rates='0.1,0.3') == 0
  tried, rest = launch.done[:4], launch.done[4:]
  assert {(entry[0], entry[3]) for entry in tried} == set(SCORES) and {entry[2] for entry in tried} == {0}
  # The trial with the chosen rate is the run of its seed.
  assert [(entry[0], entry[2], entry[3]) for entry in rest] == [('gmp', 1, 0.3), ('snip', 1, 0.1)]
  rows = json.loads((tmp_path / 'run' / 'comparison.json').read_text())['rows']
  assert [(row['learning_rate'], row['learning_rates_tried']) for row in rows] == [(0.3, 2), (0.1, 2)]


def test_a_learning_rate_without_a_score_is_told_and_is_no_failure(launch, tmp_path, monkeypatch, capsys):
  launch.broken_rates = (0.3,)
  assert run(tmp_path, learning_rates='0.1,0.3', methods='snip', seeds=1) == 0
  assert '- snip, learning rate 0.3 on validation: ended by SIGKILL' in (tmp_path / 'run' / 'comparison.md').read_text()
  (row,) = json.loads((tmp_path / 'run' / 'comparison.json').read_text())['rows']
  assert (row['learning_rate'], row['learning_rates_tried'], row['seeds']) == (0.1, 2, 1)
  assert row['learning_rate_errors'] == ['learning rate 0.3 on validation: ended by SIGKILL']
  assert run(tmp_path, learning_rates='0.1,0.5', methods='snip', seeds=1, collect='true') == 0
  assert 'without a result: snip, learning rate 0.5 on validation: no score is recorded' in capsys.readouterr().out


def test_a_method_of_which_no_learning_rate_came_to_a_score_says_so(launch, tmp_path, capsys):
  launch.broken_rates = (0.1, 0.3)
  assert run(tmp_path, methods='gmp', seeds=1, learning_rates='0.2,0.3') == 0
  assert run(tmp_path, methods='gmp,snip:learning_rate=0.2', seeds=1, learning_rates='0.1,0.3') == 1
  assert '0.1 (no score)' in capsys.readouterr().out


def test_a_file_that_changes_during_a_comparison_costs_the_runs_after_it_and_no_other(launch, ticket, supernet, tmp_path, monkeypatch):
  supernet = pathlib.Path(shutil.copy(supernet, tmp_path / 'supernet.json'))
  done = []

  class Edited(Launch):
    def __call__(self, config, path):
      if len(done) == 2:
        until = time.monotonic() + 60
        while len(list((tmp_path / 'run').glob('records/*.json'))) < 2:  # Of the runs before, which are measured meanwhile.
          assert time.monotonic() < until
          time.sleep(0.01)
        supernet.write_text(supernet.read_text() + ' ')
      Workdir(path, Config.from_flat(config.flat()))
      done.append(path)
      return super().__call__(config, path)

  monkeypatch.setattr('st_tf.comparing.runner.Launcher', lambda root, jobs: Edited(ticket))
  assert run(tmp_path, supernet=supernet) == 1
  text = (tmp_path / 'run' / 'comparison.md').read_text()
  assert 'A run is of the files that its settings name. Received: runs/snip-0-' in text and len(done) == 3
  assert text.count('The file of --supernet stays as it is during a comparison. Received: another one.') == 1
  rows = json.loads((tmp_path / 'run' / 'comparison.json').read_text())['rows']
  assert [(row['method'], row['seeds'], len(row['errors'])) for row in rows] == [('gmp', 2, 0), ('snip', 0, 2)]


def test_without_learning_rates_to_try_the_one_of_the_settings_is_used(launch, tmp_path):
  assert run(tmp_path, methods='gmp,snip:learning_rate=0.3', learning_rate=0.2, seeds=1) == 0
  assert [(entry[0], entry[3]) for entry in launch.done] == [('gmp', 0.2), ('snip', 0.3)]
  rows = json.loads((tmp_path / 'run' / 'comparison.json').read_text())['rows']
  assert [(row['learning_rate'], row['learning_rates_tried']) for row in rows] == [(0.2, 1), (0.3, 1)]


def test_with_a_budget_trainings_share_it(launch, tmp_path):
  assert run(tmp_path, methods='gmp,search_prune_retrain', budget=4, seeds=1) == 0
  assert [(entry[0], entry[4]) for entry in launch.done] == [('gmp', 4), ('search_prune_retrain', 4), ('search_prune_retrain', 2)]
  rows = json.loads((tmp_path / 'run' / 'comparison.json').read_text())['rows']
  assert [(row['method'], row['budget']) for row in rows] == [
    *[('gmp', 0), ('gmp', 4), ('search_prune_retrain', 0), ('search_prune_retrain', 4)]
  ]


def test_a_budget_is_in_epochs_of_the_whole_supernet(launch, tmp_path):
  whole = cost.of(build(tiny.ARCH, tiny.task().head, (tiny.SIDE, tiny.SIDE, 3))).macs
  assert run(tmp_path, methods='gmp,search_only', budget=4, seeds=1, target_macs=whole // 2, supernet=tiny.SUPERNET) == 0
  # An epoch of the search costs 0.7 on average: 0.41 of it are trained before the half is reached.
  assert [(entry[0], entry[4]) for entry in launch.done] == [('gmp', 4), ('search_only', 4), ('search_only', 5)]


def test_a_budget_leaves_out_what_brings_epochs_of_its_own(launch, tmp_path):
  assert run(tmp_path, methods='gmp,snip:epochs=3', budget=2, seeds=1) == 0
  assert [(entry[0], entry[4]) for entry in launch.done] == [('gmp', 4), ('gmp', 2), ('snip', 3)]


def test_the_command_is_told_without_what_lies_on_this_machine(launch, supernet, tmp_path):
  shutil.copy(supernet, tmp_path / 'network.json')
  assert run(tmp_path, seeds=1, supernet=tmp_path / 'network.json') == 0
  for name in ('comparison.md', 'index.html', 'comparison.json'):
    assert str(tmp_path) not in (tmp_path / 'run' / name).read_text()
  text = (tmp_path / 'run' / 'comparison.md').read_text()
  assert '    python -m st_tf.compare --' in text and '--supernet=network.json' in text and '--methods=gmp,snip' in text


def test_settings_that_are_not_the_published_ones_are_told(launch, tmp_path):
  assert run(tmp_path, methods='gmp,acdc:prune_begin=0.1,lottery:ranking=global,rigl:prune_end=0.75', seeds=1) == 0
  text = (tmp_path / 'run' / 'comparison.md').read_text()
  told = 'acdc:prune_begin=0.1 has settings here that are not the published ones: --ranking=erk (published: global), --prune_end=0.75'
  assert f'\n{told} (published: 0.85).\n' in text and text.count('not the published ones') == 1


def test_a_finished_run_of_other_data_is_not_taken_for_one_of_these(launch, tmp_path, capsys):
  launch.examples = {'train': 1000, 'validation': 20, 'test': 30}
  for records in ('some', 'others'):
    assert run(tmp_path, methods='gmp', seeds=1, records=tmp_path / records) == 1
    said = ' '.join(capsys.readouterr().out.split())  # Its lines are as long as the terminal.
    assert 'A comparison is of one data set. Received: 1,000 train, 20 validation, 30 test examples for runs/gmp-0-' in said
    assert not (tmp_path / records).exists()


def test_a_network_in_a_file_is_known_elsewhere_by_what_is_in_it(launch, supernet, tmp_path):
  shutil.copy(supernet, tmp_path / 'network.json')
  assert run(tmp_path, methods='gmp', seeds=1, supernet=tmp_path / 'network.json') == 0
  (record,) = (tmp_path / 'run' / 'records').iterdir()
  assert str(tmp_path) not in record.read_text()
  (tmp_path / 'network.json').rename(tmp_path / 'moved.json')
  assert run(tmp_path, methods='gmp', seeds=1, supernet=tmp_path / 'moved.json', collect='true') == 0
  (tmp_path / 'moved.json').write_text(presets.to_text(tiny.ARCH))
  with pytest.raises(UserError, match='a table of recorded runs'):
    run(tmp_path, methods='gmp', seeds=1, supernet=tmp_path / 'moved.json', collect='true')


def test_an_interruption_says_how_to_go_on(launch, tmp_path, capsys):
  launch.interrupted = True
  assert run(tmp_path) == 130 and launch.stopped
  assert 'Interrupted: the same command continues.' in capsys.readouterr().out


def test_a_dry_run_times_some_steps_and_writes_nothing(tmp_path, capsys):
  assert run(tmp_path, dry_run='true', learning_rates='0.1,0.3') == 0
  said = capsys.readouterr().out
  assert not (tmp_path / 'run').exists()
  assert 'rates       2 tried by each method on validation, at 50% and seed 0' in said and 'time        about' in said


@pytest.mark.parametrize(
  ('given', 'error', 'message'),
  [
    ({'method': 'gmp'}, ConfigError, r'A comparison takes --methods\. Received: --method'),
    ({'sparsity': '0.9'}, ConfigError, r'A comparison takes --sparsities\. Received: --sparsity'),
    ({'learning_rate': '0.1', 'learning_rates': '0.1,0.2'}, ConfigError, r'Received: --learning_rates and --learning_rate\.'),
    ({'config': 'moved.json'}, ConfigError, r'from their first weights on\. Received: --init_from=some/ticket'),
    ({'init_from': 'somewhere'}, ConfigError, r'from their first weights on\. Received: --init_from'),
    ({'methods': 'sniip'}, ConfigError, 'Did you mean snip'),
    ({'sparsities': '0.8,high'}, ConfigError, r"--sparsities is one number or several\. Received: '0.8,high'"),
    ({'sparsities': '0.8,80'}, ConfigError, r'--sparsities lie between 0 and 1\. Received: 80'),
    ({'learning_rates': '0.1,0.1'}, ConfigError, r'--learning_rates are different ones\. Received: 0.1,0.1'),
    ({'methods': 'gmp', 'prune_depthwise': 'true'}, ConfigError, 'tfmot leaves depthwise convolutions as they are'),
    ({'methods': 'gmp,random', 'sparsities': '0.5,0.995'}, RankingError, 'No layer is emptied'),
    ({'methods': 'gmp,search_only', 'target_macs': '0.001'}, ConfigError, '--target_macs is at least what is left without any search unit'),
    ({'methods': 'gmp,tuner', 'target_macs': '0.001'}, ConfigError, '--target_macs is at least what is left without any search unit'),
    ({'methods': 'gmp,tuner', 'cost': 'latency:t.json', 'target_latency_ms': '5'}, ConfigError, r'tuner bounds MACs\. Received: .*=5'),
    ({'methods': 'gmp:epochs=2,snip', 'budget': '4'}, ConfigError, r'With --budget the first .* Received: gmp:epochs=2\. Begin with'),
    ({'seeds': '0'}, ConfigError, r'--seeds is at least 1\. Received: 0'),
    ({'methods': 'lottery', 'budget': '2', 'prune_rounds': '4'}, ConfigError, '--budget gives every training at least one epoch'),
  ],
)
def test_bad_input_is_refused_before_anything_runs(launch, tmp_path, monkeypatch, given, error, message):
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'moved.json').write_text(json.dumps({'init_from': 'some/ticket'}))
  (tmp_path / 't.json').touch()
  with pytest.raises(error, match=message):
    run(tmp_path, **given)
  assert not launch.done


@pytest.mark.slow
def test_processes_train_share_stages_and_fail_alone(tmp_path, monkeypatch, capsys):
  real, crashed = Launcher.__call__, []

  def once(self, config, path):
    if config.method == 'snip':
      crashed.append(path)
      config = dataclasses.replace(config, data=dataclasses.replace(config.data, train_examples=10**6))
    return real(self, config, path)

  monkeypatch.setattr(Launcher, '__call__', once)
  given = {'methods': 'search_then_prune,search_prune_retrain,snip', 'seeds': 1, 'jobs': 2, 'epochs': 2, 'target_macs': 0.7}
  shutil.copy(tiny.SUPERNET, tmp_path / 'network.json')
  monkeypatch.chdir(tmp_path)
  assert run(tmp_path, **given, search_interval=0.3, minimum_saving=0.1, supernet='network.json') == 1
  rows = json.loads((tmp_path / 'run' / 'comparison.json').read_text())['rows']
  assert [row['seeds'] for row in rows] == [1, 1, 0] and 'train_examples' in rows[2]['errors'][0]
  assert (rows[0]['training_epochs'], rows[1]['training_epochs']) == (2, 4)
  names = [path.name.split('-')[0] for path in (tmp_path / 'run' / 'runs').iterdir()]
  assert names.count('search_only') == 1 and len(crashed) == 1

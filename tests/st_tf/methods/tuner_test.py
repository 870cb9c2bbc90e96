"""The stages of a search by keras-tuner: with trainings that are made up, then with real ones, then in several processes."""

import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import socket
import subprocess
import sys
import types

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.util import tensor_util

from st_tf.config import ConfigError
from st_tf.methods import _tuning as tuning
from st_tf.methods import tuner
from st_tf.methods._method import SEARCHED
from st_tf.methods._pipeline import Pipeline
from st_tf.methods._tuning import VARIABLES, Failed
from st_tf.models import build, cost
from st_tf.runs.continuing import DivergedError
from st_tf.runs.workdir import Workdir
from st_tf.ticket import Provenance, TaskFacts, Ticket
from st_tf.ticket.facts import TrainingCost
from tests import tiny

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILT = functools.cache(build)  # The space, which every search counts anew and none changes.
SETTINGS = {'method': 'tuner', 'tuner': 'random', 'trials': 2, 'trial_epochs': 1, 'epochs': 1, 'target_macs': 0.6}
PROCESS = """
import sys
from st_tf import quiet
quiet.libraries()
from st_tf.methods import tuner
from st_tf.errors import NothingLeft
from st_tf.runs.workdir import Workdir
from tests import tiny
folder, stages, supernet = sys.argv[1:]
config = tiny.config(supernet=supernet, method='tuner', tuner='random', trials=4, trial_epochs=1, epochs=1, retrain_epochs=1)
try:
  tuner.draw(tiny.task(), config, Workdir(folder, config, stages=stages))
except NothingLeft as end:
  print(end)
"""


def trial(number: int, kept: int, score: float | None, epochs: int = 1, cost: TrainingCost | None = None) -> tuner.Trial:
  values, left = {'a/k3': kept / 4}, None if kept < 0 else {'a/k3': kept}
  return tuner.Trial(number, values, left, epochs, 100 * kept, score, cost or TrainingCost(epochs, 10**number, 1.0))


def events(folder: pathlib.Path) -> dict[str, float]:
  """The scalars and hyperparameters in a folder of TensorBoard's."""
  found = {}
  for path in folder.iterdir():
    for event in EventFileLoader(str(path)).Load():
      for value in event.summary.value:
        data = value.metadata.plugin_data
        if data.plugin_name == 'hparams':
          session = plugin_data_pb2.HParamsPluginData.FromString(data.content).session_start_info
          found |= {name: number.number_value for name, number in session.hparams.items()}
        elif value.tensor.dtype:
          found[value.tag] = float(tensor_util.make_ndarray(value.tensor))
  return found


@pytest.fixture
def made_up(monkeypatch):
  """Makes trainings up: by turns those of the list, a score or an error; returns what was trained."""
  outcomes, trained = [], []

  def stage(self, config, draw, source=None):
    trained.append((config, source))
    outcome = outcomes.pop(0)
    if isinstance(outcome, Exception):
      raise outcome
    facts = Provenance(training=TrainingCost(1.0, 1000, 2.0))
    return dataclasses.replace(source, metrics={'validation': {'top1': outcome}}, provenance=facts)

  monkeypatch.setattr(Pipeline, 'stage', stage)
  monkeypatch.setattr(tuning, 'build', BUILT)
  monkeypatch.setattr(tuner, 'gc', types.SimpleNamespace(collect=lambda: 0))  # Nothing was trained.
  return outcomes, trained


def search(folder: pathlib.Path, **settings) -> tuple[tuner.Search, Workdir]:
  config = tiny.config(**SETTINGS | settings)
  workdir = Workdir(folder, config)
  return tuner.Search(tiny.task(), config, workdir), workdir


def test_the_first_of_the_best_trials_is_the_best():
  assert tuner.best_of((trial(1, 4, 0.2), trial(2, 4, None), trial(3, 2, 0.5), trial(4, 1, 0.5))).number == 3


def test_all_trials_count_also_those_that_failed():
  provenance = Provenance(training=TrainingCost(8.0, 5, 3.0), steps=7)
  about = TaskFacts('tiny', tiny.LABELS, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 'top1', (8, 8))
  ticket = Ticket(tiny.SPECK, tiny.SPECK, tiny.task().head, (8, 8, 3), {}, {}, {}, about, 0.8, provenance=provenance)
  trials = (trial(1, 4, 0.2), trial(2, 3, None), trial(3, 2, 0.5), trial(4, 2, 0.5), trial(5, -1, None))
  charged = tuner.charged(ticket, trials, tiny.config(epochs=4))
  # Of trials 3 and 4 the bound has made the same architecture, which was trained once.
  assert charged.provenance.training == TrainingCost(8.0 + 3, 5 + 10 + 100 + 10_000, 3.0 + 3)
  assert charged.provenance.steps == 7
  assert [row['validation'] for row in charged.provenance.trials] == [0.2, None, 0.5, 0.5, None]
  # With as many epochs as the whole run the best trial is the training that the ticket has counted already.
  assert tuner.charged(ticket, trials, tiny.config(epochs=1)).provenance.training.macs == 5 + 10 + 100


def test_a_plan_names_all_trainings_and_refuses_what_the_search_refuses():
  config = tiny.config(**SETTINGS | {'epochs': 8, 'trial_epochs': 0, 'sparsity': (0.5, 0.8)})
  found = tuner.trainings(config)
  assert [(each.name, each.epochs) for each in found] == [('2 trials', 4), ('train', 8), ('prune to 50%', 8), ('prune to 80%', 8)]
  assert {each.network for each in found} == {SEARCHED}
  assert tuner.plan(config, 6).total_steps == 48
  with pytest.raises(ConfigError, match='--method=tuner bounds MACs'):
    tuner.plan(tiny.config(cost='latency:table.json', target_latency_ms=3.0), 6)
  with pytest.raises(ConfigError, match='Pruning begins before it ends.'):
    tuner.plan(tiny.config(**SETTINGS | {'prune_begin': 0.9, 'prune_end': 0.5}), 6)


def test_every_trial_obeys_the_bound_and_is_one_line_and_one_session_of_tensorboard(tmp_path, made_up, capsys):
  outcomes, trained = made_up
  outcomes += [0.25, 0.5]
  found, workdir = search(tmp_path)
  trials = found.run()
  for (config, source), tried in zip(trained, trials):
    macs = cost.of(build(source.arch, source.head, source.input_shape)).macs
    assert macs == tried.macs <= 0.6 * found.space.macs and config.epochs == 1
    assert events(tmp_path / 'tensorboard' / 'trials' / f'{tried.number:03d}') == {
      **tried.values,
      'trial/macs': macs,
      'trial/validation': tried.score,
    }
  first, second, best = capsys.readouterr().out.splitlines()
  macs = trials[1].macs
  assert first.startswith('trial   1/2  ') and second == f'trial   2/2  {macs:,} MACs ({macs / 65840:.1%})  top-1 accuracy 50.0%'
  assert best == f'best        trial 2: {macs:,} MACs ({macs / 65840:.1%})  top-1 accuracy 50.0%'
  assert tuner.Search(tiny.task(), tiny.config(**SETTINGS), workdir).run() == trials and len(trained) == 2


def test_an_architecture_that_cannot_be_trained_is_a_failed_trial(tmp_path, made_up, capsys):
  outcomes, _ = made_up
  outcomes += [Failed('The loss is a finite number.', TrainingCost(0.5, 10, 1.0)), 0.5]
  first, second = search(tmp_path)[0].run()
  assert (first.score, first.training, second.score) == (None, TrainingCost(0.5, 10, 1.0), 0.5)
  assert 'trial   1/2  failed: The loss is a finite number.' in capsys.readouterr().out


def test_what_is_no_failure_of_the_architecture_ends_the_search(tmp_path, made_up):
  outcomes, _ = made_up
  outcomes += [ConfigError('of another kind')]
  with pytest.raises(ConfigError, match='of another kind'):
    search(tmp_path)[0].run()


def test_a_bound_that_no_architecture_meets_is_refused_when_all_trials_have_failed(tmp_path, made_up, capsys):
  with pytest.raises(ConfigError) as error:
    search(tmp_path, target_macs=100, trials=3)[0].run()
  rule, received = str(error.value).split(' Received: ')
  assert rule.startswith('--target_macs is at least what is left without any search unit, ')
  assert received == '100, with which all 3 trials failed. Raise it.'
  assert capsys.readouterr().out.count('failed: without any search unit the network is above --target_macs') == 3
  assert not made_up[1]


def test_when_all_trainings_fail_the_learning_rate_is_named(tmp_path, made_up):
  made_up[0].extend(Failed('diverged', TrainingCost()) for _ in range(2))
  with pytest.raises(
    ConfigError, match='Received: 2 trials, in all of which the loss became no finite number. Try a lower --learning_rate'
  ):
    search(tmp_path)[0].run()


def test_a_damaged_state_is_made_anew_from_what_was_trained(tmp_path, made_up, capsys):
  outcomes, trained = made_up
  outcomes += [0.25, 0.5, 0.25, 0.5]
  found, workdir = search(tmp_path)
  trials = found.run()
  (state,) = tmp_path.glob('stages/*/tuner/oracle.json')
  state.write_text('{"ongoing')
  assert tuner.Search(tiny.task(), tiny.config(**SETTINGS), workdir).run() == trials
  assert 'is damaged' in capsys.readouterr().err
  assert [source.fingerprint for _, source in trained[:2]] == [source.fingerprint for _, source in trained[2:]]


def test_a_search_does_not_depend_on_what_comes_after_it(tmp_path, made_up):
  made_up[0].extend([0.25, 0.5])
  config = tiny.config(**SETTINGS)
  trials = tuner.Search(tiny.task(), config, Workdir(tmp_path / 'one', config, stages=tmp_path / 'stages')).run()
  later = tiny.config(**SETTINGS | {'sparsity': (0.5,), 'retrain_epochs': 3, 'penalty': 0.1})
  assert tuner.Search(tiny.task(), later, Workdir(tmp_path / 'two', later, stages=tmp_path / 'stages')).run() == trials


def test_the_best_architectures_own_training_does_not_fail_quietly(tmp_path, made_up):
  failure = Failed('diverged', TrainingCost())
  failure.__cause__ = DivergedError('The loss is a finite number.')
  made_up[0].extend([0.25, 0.5, failure])
  config = tiny.config(**SETTINGS | {'epochs': 2})
  with pytest.raises(DivergedError, match='The loss is a finite number.'):
    tuner.draw(tiny.task(), config, Workdir(tmp_path, config))


def test_a_chief_that_cannot_listen_says_so(tmp_path, made_up, monkeypatch):
  for name, value in zip(VARIABLES, ('chief', 'nowhere.invalid', '1')):
    monkeypatch.setenv(name, value)
  with pytest.raises(ConfigError, match='A chief listens where its workers call it. Received: nowhere.invalid:1 '):
    search(tmp_path)[0].run()


def test_a_chief_whose_search_is_done_does_not_wait_for_workers(tmp_path, made_up, monkeypatch):
  made_up[0].extend([0.25, 0.5])
  trials = search(tmp_path)[0].run()
  for name, value in zip(VARIABLES, ('chief', 'nowhere.invalid', '1')):
    monkeypatch.setenv(name, value)
  assert search(tmp_path)[0].run() == trials


def drawn(folder: pathlib.Path) -> Ticket:
  return tiny.draw(folder, tiny.SPECK, **SETTINGS | {'epochs': 2})[0]


@pytest.mark.slow
def test_an_interrupted_run_ends_with_the_ticket_of_an_uninterrupted_one(tmp_path, capsys):
  whole = drawn(tmp_path / 'whole')
  facts = whole.provenance
  sizes = [row['macs'] for row in facts.trials]
  best = max(facts.trials, key=lambda row: row['validation'])
  assert whole.arch != whole.supernet == tiny.SPECK and whole.sparsity == 0.8
  assert {name: len(kept) for name, kept in whole.survivors.items()} == best['units']
  # Two trials of one epoch, two epochs of training and two of pruning; forward and backward are three passes.
  assert facts.training.epochs == 6.0
  assert facts.training.macs == 3 * tiny.SIZES['train'] * (sum(sizes) + 4 * best['macs'])
  assert whole.cost.zeros == pytest.approx(0.8 * whole.cost.prunable, abs=6)
  assert facts.method == 'tuner' and {path.name for path in (tmp_path / 'whole/tensorboard/trials').iterdir()} == {'001', '002'}
  capsys.readouterr()
  for _ in range(2):  # In the first trial, then in the second.
    with tiny.interrupted():
      drawn(tmp_path / 'cut')
  rest = drawn(tmp_path / 'cut')
  out = capsys.readouterr().out
  assert out.count('trial   1/2') == out.count('trial   2/2') == out.count('best ') == 1
  assert rest.fingerprint == whole.fingerprint
  assert (rest.provenance.training.macs, rest.provenance.trials) == (facts.training.macs, facts.trials)


@pytest.mark.slow
def test_a_diverging_training_is_a_failed_trial(tmp_path):
  with pytest.raises(ConfigError, match='At least one architecture can be trained. Received: 1 trials'):
    tiny.draw(tmp_path / 'run', tiny.SPECK, **SETTINGS | {'trials': 1, 'learning_rate': 1e30, 'warmup': 0.0})
  (state,) = (tmp_path / 'run').glob('stages/*/tuner/trial_0/trial.json')
  found = json.loads(state.read_text())
  assert found['status'] == 'FAILED' and found['metrics']['metrics']['macs']['observations'][0]['value'][0] > 0


@pytest.mark.slow
@pytest.mark.long
def test_a_chief_and_two_workers_share_the_trials(tmp_path):
  with socket.socket() as free:
    free.bind(('127.0.0.1', 0))
    port = free.getsockname()[1]
  speck = tmp_path / 'speck.json'
  speck.write_text(tiny.presets.to_text(tiny.SPECK))
  started, logs = {}, {name: tmp_path / f'{name}.txt' for name in ('chief', 'one', 'two')}
  with contextlib.ExitStack() as stack:
    for name, log in logs.items():
      environment = os.environ | dict(zip(VARIABLES, (name, '127.0.0.1', str(port)))) | {'TF_NUM_INTRAOP_THREADS': '1'}
      command = [sys.executable, '-c', PROCESS, str(tmp_path / name), str(tmp_path / 'stages'), str(speck)]
      output = stack.enter_context(open(log, 'w'))
      started[name] = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
      stack.callback(started[name].kill)
    codes = {name: process.wait(timeout=280) for name, process in started.items()}
  said = {name: log.read_text() for name, log in logs.items()}
  assert codes == {'chief': 0, 'one': 0, 'two': 0}, said
  done = {name: {line.split('/')[0] for line in text.splitlines() if line.startswith('trial ')} for name, text in said.items()}
  assert done['one'] and done['two'] and not done['chief'] and not done['one'] & done['two']
  assert done['one'] | done['two'] == {f'trial {number:>3}' for number in (1, 2, 3, 4)}
  assert all(said[name].splitlines()[-1].startswith('No trial is left: this worker ends') for name in ('one', 'two'))
  (path,) = tmp_path.glob('chief/tickets/sparsity_0.8')
  facts = Ticket.load(path).provenance
  assert len(facts.trials) == 4 and facts.training.epochs >= 4

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from st_tf.config import ConfigError
from st_tf.methods import lottery, search_prune_retrain, search_then_lottery, search_then_prune
from st_tf.methods._pipeline import Pipeline, alone, check_rewinding, early_step, levels, rounds, trial_epochs
from st_tf.pruning.ranking import RankingError
from st_tf.runs.run import Run
from st_tf.runs.workdir import Workdir
from st_tf.training.plan import searching_alone, training_alone
from tests import tiny

SETTINGS = {'target_macs': 0.7, 'search_interval': 0.3, 'minimum_saving': 0.1, 'epochs': 2, 'supernet': str(tiny.SUPERNET)}


def config(method: str = 'search_prune_retrain', **settings):
  return tiny.config(method=method, **SETTINGS | {'sparsity': (0.5,)} | settings)


@pytest.mark.parametrize(
  ('target', 'rounds', 'expected'),
  [
    (0.9, 1, [0.9]),
    (0.75, 2, [0.5, 0.75]),
    (0.2, 0, [0.2]),
    (0.36, 0, [0.2, 0.36]),
    (0.5, 0, [0.2, 0.36, 0.488, 0.5]),
  ],
)
def test_every_round_prunes_the_same_share_of_what_is_left(target, rounds, expected):
  assert levels(target, rounds) == pytest.approx(expected)


def test_ninety_percent_take_eleven_rounds():
  assert len(levels(0.9, 0)) == 11 and len(rounds(config('lottery', sparsity=(0.9,)))) == 11


def test_a_trial_has_a_quarter_of_the_epochs_unless_it_is_told():
  found = [trial_epochs(tiny.config(epochs=epochs, trial_epochs=given)) for epochs, given in ((8, 0), (3, 0), (8, 5))]
  assert found == [2, 1, 5]


def test_a_stage_has_the_settings_that_matter_to_it_and_no_others():
  given = config(prune_end=0.7, reactivation='masked', prune_rounds=3, trials=4)
  other = config('search_then_lottery', prune_end=0.75, sparsity=(0.8,), retrain_epochs=9)
  assert alone(given, 'search_only') == alone(other, 'search_only') and alone(given, 'search_only').search == given.search
  assert alone(given, 'dense') == alone(config(target_macs=0.4), 'dense')
  assert alone(given, 'fine_tune') == alone(config(search_end=0.5), 'fine_tune')
  assert alone(given, 'fine_tune') != alone(config(prune_depthwise=True), 'fine_tune')
  assert alone(given, 'fine_tune') != alone(config(prune_skip=False), 'fine_tune')
  assert alone(given, 'dense') != alone(config(rewind_to=0.2), 'dense') != alone(config(learning_rate=0.3), 'dense')


def test_weights_are_kept_before_the_search_removes_any():
  given = config(rewind_to=0.5)
  assert early_step(given, training_alone(given, 6)) == 6 and early_step(config(rewind_to=0.0), training_alone(given, 6)) == 1
  assert early_step(given, searching_alone(given, 6)) == 4


def test_rounds_go_back_to_a_moment_that_is_there():
  given = config(rewind_to=0.5)
  check_rewinding(given, training_alone(given, 6))
  with pytest.raises(ConfigError, match=r'Received: --rewind_to at step 6, the first look of the search at step 4\. Lower --rewind_to'):
    check_rewinding(given, searching_alone(given, 6))
  with pytest.raises(ConfigError, match=r'Received: --rewind_to at step 6 of 6\. Lower --rewind_to or raise --retrain_epochs'):
    check_rewinding(config(rewind_to=0.5, retrain_epochs=1), training_alone(given, 6))


@pytest.mark.parametrize('method', [search_prune_retrain, search_then_lottery, lottery])
def test_what_a_later_training_cannot_have_is_refused_before_the_first(method):
  with pytest.raises(ConfigError, match=r'--fine_tune_epochs is less than --epochs\. Received: 1 of 1'):
    method.METHOD.plan(config(fine_tune_epochs=1, retrain_epochs=1), 6)


def test_a_sparsity_that_the_floors_forbid_is_refused_before_the_search(tmp_path):
  given = config('search_then_prune', sparsity=(0.97,), layer_floor=0.1)
  with pytest.raises(RankingError, match='No layer is emptied'):
    search_then_prune.draw(tiny.task(), given, Workdir(tmp_path / 'run', given))
  assert not (tmp_path / 'run' / 'stages').exists()


@pytest.fixture(scope='module')
def shared(speck, tmp_path_factory):
  """(folder of stages, its tickets by method): a pipeline without and one with retraining."""
  root = tmp_path_factory.mktemp('pipelines')
  tickets = {}
  for method in (search_then_prune, search_prune_retrain):
    name = method.__name__.rpartition('.')[2]
    given = config(name, supernet=str(speck))
    tickets[name] = method.draw(tiny.task(), given, Workdir(root / name, given, stages=root / 'stages'))
  return root, tickets


def test_stages_are_trained_once_for_all_pipelines(shared, speck):
  root, _ = shared
  assert sorted(path.name.split('-')[0] for path in (root / 'stages').iterdir()) == ['fine_tune', 'search_only']
  rows = [row for row in Workdir(root / 'search_prune_retrain', config(supernet=str(speck))).history.rows() if row['event'] == 'epoch']
  assert [row['epoch'] for row in rows] == [1, 2, 3, 4] and rows[-1]['step'] == 24 and rows[-1]['stage'].startswith('fine_tune-0-')


def test_a_pruned_ticket_is_the_searched_one_without_its_smallest_weights(shared):
  root, tickets = shared
  ticket = tickets['search_then_prune']
  (path,) = (root / 'stages').glob('search_only-*')
  from st_tf.ticket import Ticket

  searched = Ticket.load(path / 'tickets' / 'sparsity_0')
  assert ticket.arch == searched.arch and ticket.sparsity == 0.5 and ticket.provenance.source == searched.fingerprint
  assert ticket.cost.zeros == int(0.5 * ticket.cost.prunable)
  assert ticket.cost.supernet_zeros == ticket.cost.zeros + ticket.cost.supernet_prunable - ticket.cost.prunable > 0
  for name, mask in ticket.masks.items():
    assert np.median(np.abs(searched.weights[name][mask])) >= np.abs(searched.weights[name][~mask]).max(initial=0)
    np.testing.assert_array_equal(ticket.weights[name], np.where(mask, searched.weights[name], 0))
  moved = [name for name in ticket.weights if name.endswith('moving_mean')]
  assert any((ticket.weights[name] != searched.weights[name]).any() for name in moved)  # Recalibrated under the mask.


def test_a_stage_keeps_other_processes_out_only_while_it_trains(shared, speck):
  root, _ = shared
  (path,) = (root / 'stages').glob('search_only-*')
  code = f'import fcntl; file = open({str(path / ".lock")!r}, "w"); fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)'
  given = config(supernet=str(speck))
  pipeline = Pipeline(tiny.task(), given, Workdir(root / 'search_prune_retrain', given, stages=root / 'stages'))
  pipeline.searched()
  assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0


@pytest.mark.slow
def test_what_was_trimmed_is_told_by_what_is_pruned_from_it(tmp_path):
  # Subgradients leave no factor at zero for long.
  given = config('search_then_prune', epochs=1, search_interval=0.5, factor_step='subgradient')
  ticket = search_then_prune.draw(tiny.task(), given, Workdir(tmp_path / 'run', given))
  assert ticket.provenance.trimmed > 0


def test_costs_are_those_of_all_stages(shared):
  _, tickets = shared
  first, second = (tickets[name].provenance.training for name in ('search_then_prune', 'search_prune_retrain'))
  assert (first.epochs, second.epochs) == (2, 4) and second.macs > 1.5 * first.macs and second.seconds > first.seconds
  network = tickets['search_prune_retrain'].cost.macs
  assert second.macs - first.macs == 2 * tiny.SIZES['train'] * 3 * network


def test_retraining_holds_the_mask_and_starts_from_what_is_left(shared):
  _, tickets = shared
  pruned, retrained = tickets['search_then_prune'], tickets['search_prune_retrain']
  assert retrained.provenance.method == 'search_prune_retrain' and retrained.provenance.config['method'] == 'search_prune_retrain'
  for name, mask in pruned.masks.items():
    np.testing.assert_array_equal(retrained.masks[name], mask)
    assert not retrained.weights[name][~mask].any()


@pytest.mark.slow
def test_an_interrupted_pipeline_goes_on_inside_its_stage(shared, speck, tmp_path):
  given = config(supernet=str(speck))
  with tiny.interrupted():
    search_prune_retrain.draw(tiny.task(), given, Workdir(tmp_path / 'run', given))
  assert Workdir(tmp_path / 'run', given).has_checkpoint
  ticket = search_prune_retrain.draw(tiny.task(), given, Workdir(tmp_path / 'run', given))
  assert ticket.fingerprint == shared[1]['search_prune_retrain'].fingerprint


@pytest.mark.slow
def test_weights_go_back_to_what_they_were_after_that_step_of_the_first_training(speck, tmp_path, monkeypatch):
  given = config('lottery', prune_rounds=1, rewind_to=0.25, supernet=str(speck))
  seen, starts, step = {}, [], Run.step

  def watched(run, images, targets):
    step(run, images, targets)
    if run.trainer.step == 3 and not seen:
      seen.update(run.trainer.values())

  monkeypatch.setattr(Run, 'step', watched)
  pipeline = Pipeline(tiny.task(), given, Workdir(tmp_path / 'run', given))
  monkeypatch.setattr(pipeline, 'retrained', lambda ticket, step: starts.append(ticket) or ticket)
  trained = pipeline.trained()
  pipeline.keep(pipeline.lottery(trained))
  (start,) = starts
  assert start.weights.keys() == seen.keys() and any('moving' in name for name in seen)
  for name, value in start.weights.items():
    np.testing.assert_array_equal(value, np.where(start.masks.get(name, True), seen[name], 0), name)
  assert any((trained.weights[name] != value).any() for name, value in seen.items())


@pytest.mark.slow
def test_every_round_begins_with_the_early_weights_of_what_is_left(speck, tmp_path):
  given = config('search_then_lottery', prune_rounds=2, rewind_to=0.25, supernet=str(speck))
  pipeline = Pipeline(tiny.task(), given, Workdir(tmp_path / 'run', given))
  starts = []
  retrained = pipeline.retrained

  def watched(ticket, first_step):
    starts.append((ticket, first_step))
    return retrained(ticket, first_step)

  pipeline.retrained = watched
  searched = pipeline.searched()
  ticket = pipeline.keep(pipeline.lottery(searched))
  assert [(round(start.sparsity, 3), step) for start, step in starts] == [(0.293, 3), (0.5, 3)]
  (first, _), (second, _) = starts
  for name in second.masks:
    assert not (second.masks[name] & ~first.masks[name]).any()
    np.testing.assert_array_equal(first.weights[name][second.masks[name]], second.weights[name][second.masks[name]])
  assert ticket.arch == searched.arch and dataclasses.asdict(ticket.arch) != dataclasses.asdict(tiny.SPECK)
  assert ticket.provenance.training.epochs == pytest.approx(2 + 2 * 1.5)


def test_the_last_training_of_several_sees_rounding_and_no_other():
  given = config(quantize='int8', quantize_begin=0.9)
  assert alone(given, 'search_only') == alone(config(), 'search_only') and alone(given, 'dense') == alone(config(), 'dense')
  assert alone(given, 'fine_tune').training == alone(given, 'gmp').training == given.training
  for method in (search_prune_retrain, lottery):
    plan = method.METHOD.plan(config(quantize='int8', quantize_begin=0.6, search_end=0.7), 6)
    assert plan.quantize_step == plan.total_steps
  with pytest.raises(ConfigError, match=r'--quantize_begin lies before the end .* Received: 1ep of 1 epochs'):
    search_prune_retrain.METHOD.plan(config(quantize='int8', quantize_begin='1ep', retrain_epochs=1), 6)

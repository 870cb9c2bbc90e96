"""Durations, learning rates and events in steps, by hand."""

import math

import pytest

from st_tf.config import Config, ConfigError
from st_tf.pruning import Cubic, Stepwise
from st_tf.training.plan import LearningRate, Plan

STEPS = 10


def plan(**settings):
  """A run of 20 epochs of ten steps, unless told otherwise."""
  return Plan.of(Config.from_flat({'epochs': 20, 'search_end': 0.5, 'prune_end': 0.7} | settings), STEPS)


def test_a_duration_up_to_1_is_a_fraction_of_training_and_above_1_a_number_of_epochs():
  assert plan(penalty_ramp=0.25).ramp_steps == 50
  assert plan(penalty_ramp=1.0, sparsity=(0.0,), penalty=0.0, target_macs=0.0).ramp_steps == 200
  assert plan(penalty_ramp=3).ramp_steps == 30
  assert plan(penalty_ramp=2.55).ramp_steps == round(25.5)


def test_durations_are_of_the_training_before_the_fine_tuning():
  found = plan(fine_tune_epochs=10, penalty_ramp=0.4, prune_end=1.0)
  assert (found.total_steps, found.fine_tune_step, found.ramp_steps, found.pruning.end_step) == (200, 100, 40, 100)


def test_a_warm_up_rises_linearly_to_the_peak():
  rate = LearningRate('cosine', 0.8, 4, 12)
  assert [rate.at(step) for step in range(4)] == pytest.approx([0.2, 0.4, 0.6, 0.8])


def test_the_cosine_falls_from_the_peak_towards_zero():
  rate = LearningRate('cosine', 0.8, 4, 12)
  assert [rate.at(step) for step in (4, 6, 8, 12)] == pytest.approx([0.8, 0.4 * (1 + math.cos(math.pi / 4)), 0.4, 0.0])


def test_the_exponential_decays_continuously_and_the_steps_at_once():
  exponential, step = LearningRate('exponential', 1.0, 2, 100, 0.5, 10), LearningRate('step', 1.0, 2, 100, 0.5, 10)
  assert [exponential.at(at) for at in (2, 7, 12)] == pytest.approx([1, 0.5**0.5, 0.5])
  assert [step.at(at) for at in (2, 11, 12, 21, 22)] == pytest.approx([1, 1, 0.5, 0.5, 0.25])


def test_milestones_multiply_the_rate_from_their_step_on():
  rate = LearningRate('milestones', 1.0, 2, 100, 0.1, milestones=(10, 30))
  assert [rate.at(at) for at in (0, 1, 2, 9, 10, 29, 30, 99)] == pytest.approx([0.5, 1, 1, 1, 0.1, 0.1, 0.01, 0.01])


def test_milestones_are_durations_from_the_start():
  found = plan(
    learning_rate_schedule='milestones', learning_rate_milestones=(0.5, 15), learning_rate_decay=0.1, learning_rate=1.0, warmup=0
  )
  assert [found.learning_rate(at) for at in (0, 99, 100, 149, 150)] == pytest.approx([1, 1, 0.1, 0.1, 0.01])


def test_one_cycle_rises_for_three_tenths_and_falls_to_the_end():
  found = plan(learning_rate_schedule='one_cycle', learning_rate=1.0, warmup=0.05)
  rates = [found.learning_rate(step) for step in range(200)]
  assert rates[59] == max(rates) == 1.0 and rates[29] == pytest.approx(0.5)
  assert rates[130] == pytest.approx(0.5) and rates[199] < 0.001


@pytest.mark.parametrize('kind', ['cosine', 'exponential', 'one_cycle', 'step', 'milestones'])
def test_fine_tuning_is_a_cycle_of_its_own(kind):
  found = plan(learning_rate_schedule=kind, fine_tune_epochs=2, warmup=0.1, decay_interval=0.1, learning_rate_decay=0.5)
  rates = [found.learning_rate(step) for step in range(200)]
  start, peak = found.fine_tune_step, max(rates)
  assert start == 180 and rates[start] < peak
  # It rises and falls again although a tenth of the whole training is as long as all of the fine-tuning.
  top = start + rates[start:].index(max(rates[start:]))
  assert rates[top] == pytest.approx(peak) and top <= start + 6
  assert rates[-1] < (0.05 if kind in ('cosine', 'one_cycle') else 0.5) * peak


def test_a_warm_up_never_exceeds_its_cycle():
  rates = [plan(warmup=30).learning_rate(step) for step in (0, 199)]
  assert rates == pytest.approx([0.1 / 200, 0.1])


def test_the_penalty_s_ramp_rises_linearly_and_ends_with_the_search():
  found = plan(penalty_ramp=2)
  assert [found.ramp(step) for step in (0, 5, 20, 99, 100, 150)] == [0, 0.25, 1, 1, 0, 0]
  assert plan(penalty_ramp=0.0).ramp(0) == 1.0


def test_without_penalty_and_target_there_is_no_search():
  found = plan(penalty=0.0, target_macs=0.0)
  assert found.search_every == 0 and found.ramp(50) == 0 and not any(found.is_search_due(step) for step in range(200))
  assert plan(penalty=0.0, target_macs=0.5).search_every > 0


def test_factors_are_looked_at_every_interval_and_at_the_end_of_the_search():
  found = plan(search_interval=0.15, search_end=0.5)
  assert [step for step in range(201) if found.is_search_due(step)] == [30, 60, 90, 100]


def test_prunings_are_every_interval_and_the_last_event_of_all_is_one():
  found = plan(prune_begin=0.1, prune_interval=0.15, prune_end=0.5, search_end=0.5)
  assert [step for step in range(201) if found.pruning.is_event(step)] == [20, 50, 80, 100]
  assert max(step for step in range(201) if found.is_search_due(step)) <= found.pruning.end_step
  assert found.pruning.sparsity_at(found.pruning.end_step) == 0.9


def test_a_search_that_outlasts_the_pruning_is_refused():
  with pytest.raises(ConfigError, match='search_end at step 160, prune_end at step 140. Lower --search_end or raise --prune_end'):
    plan(search_end=0.8)
  assert plan(search_end=0.8, sparsity=(0.0,)).pruning is None
  assert plan(search_end=0.8, penalty=0.0, target_macs=0.0).search_every == 0


def test_the_pruning_schedule_is_the_configuration_s():
  found = plan(pruning_schedule='stepwise', sparsity=(0.3, 0.8), reactivation_end=0.4).pruning
  assert isinstance(found, Stepwise) and found.target_sparsity == 0.8 and found.reactivation == ((20, 80),)
  assert isinstance(plan().pruning, Cubic) and plan().pruning.reactivation == ((20, 140),)


def test_durations_that_are_shorter_than_a_step_are_a_step():
  found = plan(epochs=1, search_interval=0.01, prune_interval=0.01)
  assert found.search_every == found.pruning.frequency == 1


def test_a_pruning_that_begins_after_its_end_is_refused():
  with pytest.raises(ConfigError, match='prune_begin at step 180, prune_end at step 140. Lower --prune_begin or raise --prune_end'):
    plan(prune_begin=0.9)
  assert plan(prune_begin=0.9, sparsity=(0.0,)).pruning is None


def test_a_penalty_that_grows_until_after_the_search_is_refused():
  with pytest.raises(ConfigError, match='--penalty_ramp until step 100, --search_end at step 100. Lower --penalty_ramp'):
    plan(penalty_ramp=0.5)
  assert plan(penalty_ramp=0.5, penalty=0.0, target_macs=0.0).search_every == 0


@pytest.mark.parametrize('name', ['search_end', 'prune_end'])
def test_a_search_or_a_pruning_without_a_step_is_refused(name):
  with pytest.raises(ConfigError, match=f'Received: --{name}=0'):
    plan(**{'search_end': 0.0, name: 0.0} if name == 'search_end' else {name: 0.0, 'penalty': 0.0, 'target_macs': 0.0})


def test_the_first_ranking_is_not_before_the_first_step():
  assert plan(prune_begin=0.0).pruning.begin_step == 1


def test_rounding_begins_a_share_of_the_training_before_its_end_or_never():
  assert plan().quantize_step == 200 and not any(plan().is_quantized(step) for step in range(200))
  found = plan(quantize='int8')
  assert [step for step in range(200) if found.is_quantized(step)] == list(range(160, 200))
  assert plan(quantize='int8', quantize_begin='18ep').quantize_step == 180
  assert plan(quantize='int8', fine_tune_epochs=10, search_end=0.4).quantize_step == 80, 'a share of the training before the fine-tuning'


@pytest.mark.parametrize(
  ('settings', 'message'),
  [
    (
      {'quantize_begin': 0.6},
      r'when units and mask are final\. Received: --quantize_begin at step 120, --search_end at step 100, --prune_end',
    ),
    ({'quantize_begin': '99it', 'sparsity': (0.0,)}, r'Received: --quantize_begin at step 99, --search_end at step 100, .* Raise'),
    ({'quantize_begin': '200it'}, r'--quantize_begin lies before the end of the training\. Received: step 200 of 200\. Lower it'),
  ],
)
def test_rounding_that_never_comes_or_comes_too_soon_is_refused(settings, message):
  with pytest.raises(ConfigError, match=message):
    plan(quantize='int8', **settings)
  plan(**settings)

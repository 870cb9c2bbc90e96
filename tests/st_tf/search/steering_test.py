"""The penalty's controller by hand."""

import numpy as np
import pytest

from st_tf.search.steering import Steering, mean_on_path, needed_push, path, steer, surviving

FACTORS = {'a': np.array([0.1, -0.4, 0.9]), 'b': np.array([0.2, 0.6])}
PENALTY = {'a': 1.0, 'b': 2.0}
UNIT_MACS = {'a': 10.0, 'b': 20.0}
MACS = 100.0  # 30 of a, 40 of b, 30 that no unit carries


def push(goal):
  return needed_push(FACTORS, PENALTY, UNIT_MACS, MACS, goal)


def test_the_path_reaches_the_target_at_nine_tenths_of_the_search():
  assert [path(100, 40, progress) for progress in (0.0, 0.45, 0.9, 1.0)] == pytest.approx([100, 70, 40, 40])


@pytest.mark.parametrize(
  'goal, expected',
  # In units of penalty: a 0.1, 0.4, 0.9; b 0.1, 0.3. They save 10, 20, 20, 10, 10 in the order 0.1, 0.1, 0.3, 0.4, 0.9.
  [(100, 0.0), (150, 0.0), (95, 0.1), (70, 0.1), (69, 0.3), (50, 0.3), (45, 0.4), (30, 0.9)],
)
def test_the_push_is_the_smallest_that_removes_enough(goal, expected):
  assert push(goal) == pytest.approx(expected)


def test_where_all_units_do_not_suffice_the_push_removes_them_all():
  assert push(5) == pytest.approx(0.9)


def test_applying_the_push_brings_the_network_to_its_goal():
  for goal in (95, 70, 69, 45, 30):
    amount = push(goal) + 1e-9
    shrunk = {name: np.sign(value) * np.maximum(np.abs(value) - amount * PENALTY[name], 0) for name, value in FACTORS.items()}
    assert surviving(shrunk, UNIT_MACS, MACS) <= goal


def test_only_factors_of_exactly_zero_are_gone():
  factors = {'a': np.array([0.0, 1e-9, 1.0]), 'b': np.array([0.0, 0.0])}
  assert surviving(factors, UNIT_MACS, MACS) == 100 - 10 - 40


def steered(state, goal=70.0, learning_rates=2.0):
  return steer(state, FACTORS, PENALTY, UNIT_MACS, MACS, goal, learning_rates)


def test_the_strength_spreads_the_push_over_the_interval_s_learning_rates():
  first = steered(Steering())
  assert first.strength == pytest.approx(0.1 / 2) and first.gain == 1 and first.goal == 70


def test_the_gain_rises_while_the_goal_is_missed_and_falls_back_when_it_is_met():
  state = steered(Steering(goal=90.0))
  assert state.gain == 1.5 and state.strength == pytest.approx(1.5 * 0.1 / 2)
  for _ in range(20):
    state = steered(state)
  assert state.gain == 64
  met = Steering(0.1, 2.0, 100.0)
  assert steered(met).gain == pytest.approx(2 / 1.5)
  assert steered(Steering(0.1, 1.2, 100.0)).gain == 1


def test_no_push_is_needed_below_the_goal():
  assert steered(Steering(), goal=120).strength == 0


def test_an_interval_without_a_learning_rate_gives_a_finite_strength():
  assert np.isfinite(steered(Steering(), learning_rates=0.0).strength)


def test_the_mean_on_the_path_is_that_of_what_gets_smaller_once_per_interval():
  steps = np.linspace(0, 1, 100001)
  looks = np.floor(steps / 0.01) * 0.01  # The cost is that of the last look.
  costs = [path(5.0, 2.0, min(max(step - 0.1, 0) / 0.5, 1)) for step in looks]
  assert mean_on_path(5.0, 2.0, 0.1, 0.6, 0.01) == pytest.approx(np.mean(costs), abs=1e-3)
  assert mean_on_path(5.0, 2.0, 0.5, 1.0, 1.0) == 5.0

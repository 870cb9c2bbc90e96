"""Removal by hand."""

import numpy as np
import pytest

from st_tf.search.removal import left, path

FACTORS = {'a': np.array([0.1, -0.4, 0.9]), 'b': np.array([0.2, 0.6])}
PENALTY = {'a': 1.0, 'b': 2.0}
UNITS = {'a': 10.0, 'b': 20.0}  # What one costs; 30 besides are no unit's.
LIVING = {'a': np.array([True, True, True]), 'b': np.array([True, True])}


def price(living):
  return 30 + sum(UNITS[name] * np.count_nonzero(units) for name, units in living.items())


def kept(goal, living=LIVING, price=price):
  return {name: units.tolist() for name, units in left(FACTORS, PENALTY, living, price, goal).items()}


def test_the_path_reaches_the_target_at_nine_tenths_of_the_search():
  assert [path(100, 40, progress) for progress in (0.0, 0.45, 0.9, 1.0)] == pytest.approx([100, 70, 40, 40])


@pytest.mark.parametrize(
  'goal, a, b',
  # All cost 100. In units of penalty: a 0.1, 0.4, 0.9; b 0.1, 0.3. They save 10, 20, 20, 10, 10 in the order 0.1, 0.1, 0.3, 0.4, 0.9.
  [
    (105, [1, 1, 1], [1, 1]),
    (100, [1, 1, 1], [1, 1]),
    (99, [0, 1, 1], [1, 1]),
    (90, [0, 1, 1], [1, 1]),
    (89, [0, 1, 1], [0, 1]),
    (70, [0, 1, 1], [0, 1]),
    (69, [0, 1, 1], [0, 0]),
    (50, [0, 1, 1], [0, 0]),
    (49, [0, 0, 1], [0, 0]),
    (30, [0, 0, 0], [0, 0]),
    (29, [0, 0, 0], [0, 0]),
  ],
)
def test_the_smallest_for_their_penalty_go_and_no_more_than_needed(goal, a, b):
  assert kept(goal) == {'a': a, 'b': b}


def test_what_is_dead_stays_dead():
  living = {'a': np.array([False, True, True]), 'b': np.array([True, True])}
  assert kept(90, living) == {'a': [0, 1, 1], 'b': [1, 1]}
  assert kept(70, living) == {'a': [0, 1, 1], 'b': [0, 1]}
  assert kept(69, living) == {'a': [0, 1, 1], 'b': [0, 0]}


@pytest.mark.parametrize('power', [0.5, 2])
def test_prices_need_not_be_in_proportion(power):
  def curved(living):
    return sum(np.count_nonzero(units) ** power for units in living.values())

  alive = {name: units.copy() for name, units in LIVING.items()}
  for name, index in [('a', 0), ('b', 0), ('b', 1), ('a', 1), ('a', 2)]:
    alive[name][index] = False
    assert kept(curved(alive), price=curved) == {name: units.tolist() for name, units in alive.items()}

"""Removal by hand."""

import numpy as np
import pytest

from st_tf.search.removal import left, path

FACTORS = {'a': np.array([0.1, -0.4, 0.9]), 'b': np.array([0.2, 0.6])}
PENALTY = {'a': 1.0, 'b': 2.0}
PRICES = {'a': 10.0, 'b': 20.0}
LIVING = {'a': np.array([True, True, True]), 'b': np.array([True, True])}


def kept(excess, living=LIVING):
  return {name: units.tolist() for name, units in left(FACTORS, PENALTY, PRICES, living, excess).items()}


def test_the_path_reaches_the_target_at_nine_tenths_of_the_search():
  assert [path(100, 40, progress) for progress in (0.0, 0.45, 0.9, 1.0)] == pytest.approx([100, 70, 40, 40])


@pytest.mark.parametrize(
  'excess, a, b',
  # In units of penalty: a 0.1, 0.4, 0.9; b 0.1, 0.3. They save 10, 20, 20, 10, 10 in the order 0.1, 0.1, 0.3, 0.4, 0.9.
  [
    (-5, [1, 1, 1], [1, 1]),
    (0, [1, 1, 1], [1, 1]),
    (5, [0, 1, 1], [1, 1]),
    (10, [0, 1, 1], [1, 1]),
    (11, [0, 1, 1], [0, 1]),
    (30, [0, 1, 1], [0, 1]),
    (31, [0, 1, 1], [0, 0]),
    (50, [0, 1, 1], [0, 0]),
    (55, [0, 0, 1], [0, 0]),
    (70, [0, 0, 0], [0, 0]),
    (99, [0, 0, 0], [0, 0]),
  ],
)
def test_the_smallest_for_their_penalty_go_and_of_equal_ones_the_first(excess, a, b):
  assert kept(excess) == {'a': a, 'b': b}


def test_what_is_dead_stays_dead_and_saves_nothing():
  living = {'a': np.array([False, True, True]), 'b': np.array([True, True])}
  assert kept(0, living) == {'a': [0, 1, 1], 'b': [1, 1]}
  assert kept(20, living) == {'a': [0, 1, 1], 'b': [0, 1]}
  assert kept(21, living) == {'a': [0, 1, 1], 'b': [0, 0]}

import math

import pytest

from st_tf.comparing.statistics import Difference, difference, front, mean_and_deviation


def test_the_deviation_is_that_of_a_sample():
  assert mean_and_deviation([1.0, 2.0, 6.0]) == (3.0, pytest.approx(math.sqrt((4 + 1 + 9) / 2)))
  mean, deviation = mean_and_deviation([5.0])
  assert mean == 5.0 and math.isnan(deviation)


def test_differences_are_paired_by_seed():
  found = difference({0: 0.5, 1: 0.7, 2: 0.6, 9: 0.0}, {2: 0.5, 1: 0.58, 0: 0.42})
  assert (found.mean, found.pairs) == (pytest.approx(0.1), 3)
  # Differences 8, 12 and 10 points: deviation 2 points, t of 2 degrees of freedom 4.3027, over the root of 3.
  assert found.high - found.mean == pytest.approx(0.02 * 4.302653 / math.sqrt(3), rel=1e-5)
  assert found.low == pytest.approx(2 * found.mean - found.high) and found.verdict == 'ahead'


def test_one_pair_says_nothing_of_the_noise_and_none_nothing_at_all():
  one = difference({0: 0.5}, {0: 0.4})
  assert one.mean == pytest.approx(0.1) and math.isnan(one.low) and one.verdict == 'undecided'
  assert difference({0: 0.5}, {1: 0.4}) is None


@pytest.mark.parametrize(
  ('low', 'high', 'verdict'),
  [
    *[(0.001, 0.02, 'ahead'), (-0.02, -0.001, 'behind'), (-0.009, 0.02, 'equal'), (-0.009, -0.001, 'equal')],
    *[(-0.011, 0.02, 'undecided'), (-0.01, 0.01, 'undecided')],
  ],
)
def test_equal_means_that_a_loss_above_a_point_is_excluded(low, high, verdict):
  assert Difference((low + high) / 2, low, high, 3).verdict == verdict


def test_a_difference_is_noise_while_the_interval_has_both_signs():
  assert Difference(0.03, -0.002, 0.062, 3).is_noise and difference({0: 0.5}, {0: 0.4}).is_noise
  assert not Difference(-0.005, -0.009, -0.001, 3).is_noise and not Difference(0.01, 0.001, 0.02, 3).is_noise


def test_the_front_is_what_no_other_point_beats():
  points = [(3.0, 0.9), (1.0, 0.5), (2.0, 0.4), (2.0, 0.7), (4.0, 0.9), (1.0, 0.4)]
  assert front(points) == [1, 3, 0]
  assert front([]) == []

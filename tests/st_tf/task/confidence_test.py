import numpy as np
import pytest

from st_tf.task.confidence import interval, of, resampled, written


def test_wilsons_interval():
  # 75 pictures of which 60 are right: by the formula, centre (0.8 + 1.92/75) / (1 + 3.84/75) = 0.7854, half 0.0889.
  assert interval('top1', 0.8, 75) == pytest.approx((0.6964, 0.8742), abs=1e-3)


def test_a_perfect_score_is_not_sure():
  low, high = interval('top1', 1.0, 20)
  assert 0.8 < low < 0.9 and high == 1


def test_other_scores_and_no_examples_have_none():
  assert interval('miou', 0.5, 100) is None and interval('top1', 0.5, 0) is None


def test_a_score_that_is_no_share_is_bounded():
  assert interval('top1', 1.5, 20) == interval('top1', 1.0, 20)


def test_the_interval_of_a_mean_by_drawing_is_that_of_its_normal_approximation():
  # 400 pictures that score 0 or 1 in equal parts: mean 0.5, its deviation 0.025, so 1.96 of it on both sides.
  values = np.repeat([0.0, 1.0], 200)
  low, high = resampled(lambda times: float(times @ values / times.sum()), 400)
  assert (low, high) == pytest.approx((0.451, 0.549), abs=0.006)
  assert (low, high) == resampled(lambda times: float(times @ values / times.sum()), 400)


def test_few_pictures_and_scores_that_mostly_do_not_exist_have_no_interval():
  assert resampled(lambda times: 0.5, 9) is None
  assert resampled(lambda times: np.nan if times[0] else 0.5, 10) is None  # Two in three sets have the first picture.
  assert resampled(lambda times: np.nan if times[0] > 1 else 0.5, 10) == (0.5, 0.5)


def test_what_was_drawn_from_the_pictures_counts_before_wilsons():
  metrics = {'test': {'miou': 0.4, 'top1': 0.8}, 'intervals': {'test': written((0.3, 0.5))}}
  assert of(metrics, 'test', 'miou', 75) == (0.3, 0.5)
  del metrics['intervals']
  assert of(metrics, 'test', 'miou', 75) is None and of(metrics, 'test', 'top1', 75) == interval('top1', 0.8, 75)

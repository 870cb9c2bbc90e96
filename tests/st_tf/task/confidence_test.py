import pytest

from st_tf.task.confidence import interval


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

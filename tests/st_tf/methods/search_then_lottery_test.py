import pytest

from st_tf.methods import search_then_lottery
from st_tf.methods._method import SEARCHED, SEARCHING, Training
from tests import tiny


def test_the_search_is_followed_by_rounds_from_the_early_weights_on():
  config = tiny.config(method='search_then_lottery', sparsity=(0.75,), epochs=10, prune_rounds=2, rewind_to=0.1, target_macs=0.7)
  (first, *rest) = search_then_lottery.METHOD.trainings(config)
  assert first == Training('search', 10, SEARCHING) and [each.name for each in rest] == ['train at 50%', 'train at 75%']
  assert [each.epochs for each in rest] == pytest.approx([9, 9]) and {each.network for each in rest} == {SEARCHED}
  assert search_then_lottery.METHOD.plan(config, 6).search_every

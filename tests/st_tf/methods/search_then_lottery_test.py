import pytest

from st_tf.methods import search_then_lottery
from tests import tiny


def test_the_search_is_followed_by_rounds_from_the_early_weights_on():
  config = tiny.config(method='search_then_lottery', sparsity=(0.75,), epochs=10, prune_rounds=2, rewind_to=0.1, target_macs=0.7)
  (first, *rest) = search_then_lottery.trainings(config)
  assert first == ('search', 10) and [name for name, _ in rest] == ['train at 50%', 'train at 75%']
  assert [epochs for _, epochs in rest] == pytest.approx([9, 9])
  assert search_then_lottery.plan(config, 6).search_every

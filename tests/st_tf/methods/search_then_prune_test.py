import pytest

from st_tf.config import ConfigError
from st_tf.methods import search_then_prune
from st_tf.methods._method import SEARCHING, Training
from tests import tiny


def test_its_plan_is_that_of_the_search():
  plan = search_then_prune.METHOD.plan(tiny.config(method='search_then_prune', target_macs=0.7), 6)
  assert plan.search_every and plan.pruning is None


def test_nothing_is_trained_after_the_search():
  config = tiny.config(method='search_then_prune', sparsity=(0.5, 0.8), epochs=7)
  assert search_then_prune.trainings(config) == [Training('search', 7, SEARCHING)]


def test_rounding_has_no_training_to_go_into():
  with pytest.raises(
    ConfigError, match=r'search_then_prune trains nothing then\. Received: --quantize=int8\. .*--method=search_prune_retrain'
  ):
    search_then_prune.METHOD.plan(tiny.config(method='search_then_prune', quantize='int8'), 6)

from st_tf.methods import search_prune_retrain
from st_tf.methods._method import SEARCHED, SEARCHING, Training
from tests import tiny


def test_its_plan_is_that_of_the_search():
  plan = search_prune_retrain.plan(tiny.config(method='search_prune_retrain', target_macs=0.7), 6)
  assert plan.search_every and plan.pruning is None


def test_every_sparsity_has_a_retraining_of_its_own():
  config = tiny.config(method='search_prune_retrain', sparsity=(0.5, 0.8), epochs=7, retrain_epochs=3)
  assert search_prune_retrain.trainings(config) == [
    Training('search', 7, SEARCHING),
    Training('retrain at 50%', 3, SEARCHED),
    Training('retrain at 80%', 3, SEARCHED),
  ]

from st_tf.methods import _gradual as gradual
from st_tf.methods import gmp
from tests import tiny


def test_it_is_gradual_pruning_from_the_first_weights_on():
  plan = gmp.METHOD.plan(tiny.config(method='gmp', epochs=10, target_macs=0.5), 6)
  assert plan.pruning.target_sparsity == 0.8 and not plan.search_every
  assert gmp.METHOD.draw is gradual.prune_gradually and gmp.METHOD.trainer is gradual.trainer

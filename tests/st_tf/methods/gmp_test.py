from st_tf import gradual
from st_tf.methods import gmp


def test_it_is_gradual_pruning_from_the_first_weights_on():
  assert (gmp.plan, gmp.draw, gmp.trainer) == (gradual.plan, gradual.prune_gradually, gradual.trainer)

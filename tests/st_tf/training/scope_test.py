import tf_keras as keras

from st_tf.config import PruningConfig
from st_tf.pruning import Cubic
from st_tf.training.scope import EVERYTHING, Scope

CONV = keras.layers.Conv2D(4, 1, name='stage1/conv')
STEM = keras.layers.Conv2D(4, 3, name='stem/conv0')
DEPTHWISE = keras.layers.DepthwiseConv2D(3, name='stage1/depthwise')
SKIP, HEAD_SKIP = (keras.layers.Conv2D(4, 1, name=f'{block}/skip') for block in ('stage1/fuse/0to1', 'head/increase0'))
LAST = keras.layers.Dense(3, name='head/classifier')


def test_the_settings_say_what_is_pruned():
  nothing_more = PruningConfig(prune_stem=False, prune_depthwise=False, prune_classifier=False)
  assert [EVERYTHING.stays_dense(layer, nothing_more) for layer in (CONV, STEM, DEPTHWISE, LAST)] == [False, True, True, True]
  everything = PruningConfig(prune_stem=True, prune_depthwise=True, prune_classifier=True)
  assert not any(EVERYTHING.stays_dense(layer, everything) for layer in (CONV, STEM, DEPTHWISE, LAST))


def test_skips_stay_dense_when_asked_for_those_of_the_head_too():
  assert not any(EVERYTHING.stays_dense(layer, PruningConfig()) for layer in (CONV, SKIP, HEAD_SKIP))
  without = PruningConfig(prune_skip=False)
  assert [EVERYTHING.stays_dense(layer, without) for layer in (CONV, SKIP, HEAD_SKIP)] == [False, True, True]
  assert [EVERYTHING.stays_dense(layer, PruningConfig(prune_head=False)) for layer in (SKIP, HEAD_SKIP)] == [False, True]
  masked = Scope(prunable={'head/increase0/skip/kernel'})
  assert [masked.stays_dense(layer, without) for layer in (SKIP, HEAD_SKIP)] == [True, False]


def test_a_mask_says_what_is_pruned_whatever_the_settings_are():
  scope = Scope(prunable={'stage1/depthwise/depthwise_kernel', 'stem/conv0/kernel'})
  assert [scope.stays_dense(layer, PruningConfig()) for layer in (CONV, STEM, DEPTHWISE, LAST)] == [True, False, False, True]


def test_wrappers_are_as_the_settings_say():
  wrapped = EVERYTHING.wrapping(Cubic(0.5, 0, 10, 1), PruningConfig(reactivation='masked', damping=0.3, unit_slope=True))
  assert wrapped(STEM) is STEM and wrapped(CONV).layer is CONV
  assert [getattr(wrapped(CONV), name) for name in ('reactivation', 'damping', 'unit_slope')] == ['masked', 0.3, True]


def test_variables_of_frozen_layers_are_not_trained():
  scope = Scope(is_frozen=lambda name: name.startswith('stage1/'))
  assert not scope.trains('stage1/conv/kernel') and scope.trains('head/classifier/kernel')
  assert EVERYTHING.trains('stage1/conv/kernel')

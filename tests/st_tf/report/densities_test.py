"""Densities are counted per layer and per block, and what is not there has none."""

import numpy as np

from st_tf.arch.presets import PRESETS
from st_tf.arch.specs import HeadSpec, layout
from st_tf.report import densities, ink

HEAD = HeadSpec('classification', 10)
TINY = PRESETS['tiny']
MASKS = {
  'head/classifier/kernel': np.array([True, True]),
  'stage1/branch0/block0/k3/expand/kernel': np.array([[True, False], [False, False]]),
  'stage1/branch0/block0/k5/expand/kernel': np.array([True, True, True, False]),
  'stem/conv0/kernel': np.array([True, False]),
}
TABLE = densities.table(MASKS, TINY, HEAD)


def _at(role, column):
  return TABLE.layers[TABLE.roles.index(role), TABLE.columns.index(column)]


def test_a_layer_has_its_share_of_weights():
  assert _at('k3/expand', 'stage1/branch0/block0') == 0.25
  assert _at('k5/expand', 'stage1/branch0/block0') == 0.75
  assert _at('', 'stem/conv0') == 0.5


def test_a_block_counts_weights_and_not_layers():
  assert TABLE.totals[TABLE.columns.index('stage1/branch0/block0')] == 4 / 8


def test_what_has_no_mask_has_no_density():
  assert np.isnan(_at('k3/expand', 'stage2/branch0/block0'))
  assert np.isnan(TABLE.totals[TABLE.columns.index('stage2/branch0/block0')])


def test_columns_follow_the_network():
  assert TABLE.columns == ('stem/conv0', *(block.name for block in layout(TINY, HEAD)), 'head/classifier')
  assert TABLE.groups[0] == 'stem' and TABLE.groups[1] == 'stage 1'


def test_roles_sort_by_kernel_size():
  masks = {f'stage1/branch0/block0/{role}/kernel': np.ones(1, bool) for role in ('skip', 'k11/expand', 'k3/project', 'k3/expand')}
  assert densities.table(masks, TINY, HEAD).roles == ('k3/expand', 'k3/project', 'k11/expand', 'skip')


def test_shades_rise_with_the_density():
  shades = [densities._shade(value) for value in (0, 0.01, 0.011, 0.05, 0.3, 1)]
  assert shades == sorted(shades)
  assert shades[0] == shades[1] < shades[2] and shades[-1] == 1


def test_the_figure_marks_blocks_with_nothing_left():
  drawn = ink.svg(densities.density(TABLE, 0.5), 'Density')
  assert drawn.count('×') == np.count_nonzero(np.isnan(TABLE.totals))
  assert 'all 50.0%' in drawn

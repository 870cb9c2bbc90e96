import numpy as np
import pytest

from st_tf.arch.graph import Graph
from st_tf.search.analysis import analyse
from tests.networks import conv, image, inverted


def test_all_that_belongs_to_a_unit_is_cut_along():
  channels = analyse(inverted())
  kept = np.arange(12) % 3 == 0
  cuts = channels.slices({'expand': kept})
  assert {name: [axis for axis, _ in cut] for name, cut in cuts.items()} == {
    'expand/kernel': [3],
    'expand_bn/gamma': [0],
    'expand_bn/beta': [0],
    'depthwise/depthwise_kernel': [2],
    'project/kernel': [2],
  }
  assert all(indices.tolist() == [0, 3, 6, 9] for cut in cuts.values() for _, indices in cut)
  smaller = channels.shrunk({'expand': kept})
  assert smaller['expand'].config['filters'] == 4 and smaller['project'].config['filters'] == 4
  assert smaller['depthwise'].weights == {'depthwise_kernel': (3, 3, 4, 1)} and smaller['depthwise'].shape == (4, 4, 4)


def test_macs_are_those_of_all_kernels_that_have_the_unit():
  channels = analyse(inverted())
  (group,) = channels.searchable()
  assert channels.macs() == 16 * (3 * 4 + 4 * 12 + 9 * 12 + 12 * 4)
  assert channels.group_macs(group) == 16 * (4 * 12 + 9 * 12 + 12 * 4)
  np.testing.assert_allclose(channels.unit_macs(group), 16 * (4 + 9 + 4))
  assert channels.macs({'expand': np.arange(12) < 5}) == 16 * (3 * 4 + 5 * (4 + 9 + 4))


def test_what_a_unit_saves_depends_on_what_its_neighbours_have_left():
  graph = Graph((image(), conv('a', 'image', 3, 8), conv('b', 'a', 8, 6), conv('c', 'b', 6, 2)), ('c',))
  channels = analyse(graph)
  a, b = channels.searchable()
  assert channels.unit_macs(a).tolist() == [16 * (3 + 6)] * 8
  assert channels.unit_macs(a, {'b': np.arange(6) < 2}).tolist() == [16 * (3 + 2)] * 8
  both = {'a': np.arange(8) < 4, 'b': np.arange(6) < 3}
  assert channels.macs(both) == 16 * (3 * 4 + 4 * 3 + 3 * 2)
  assert b.units == 6


def test_a_group_goes_as_a_whole_where_a_skip_goes_past_it():
  none = {'expand': np.zeros(12, bool)}
  assert [node.name for node in analyse(inverted()).shrunk(none).nodes] == ['image', 'stem', 'sum/shift']
  with pytest.raises(ValueError, match='at least one unit. Received: none of expand'):
    analyse(inverted(residual=False)).shrunk(none)


def test_a_group_lies_in_the_layers_that_multiply_its_channels():
  channels = analyse(inverted())
  groups = {group.name: group for group in channels.groups}
  assert channels.layers_of(groups['expand']) == ('expand', 'depthwise', 'project')
  assert channels.layers_of(groups['stem']) == ('stem', 'expand', 'project')

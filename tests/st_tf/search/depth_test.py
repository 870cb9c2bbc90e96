"""Blocks of which nothing is left are their skips, shifted by what they still say."""

import numpy as np
import pytest
import tf_keras as keras

from st_tf.arch.graph import Graph
from st_tf.models.graph import build_graph, read
from st_tf.search import depth, scores
from st_tf.search.analysis import analyse
from tests import networks

RNG = np.random.default_rng(0)


def blocks(gated: bool = False, padded: bool = False) -> keras.Model:
  """Two inverted residuals, the second with a gate where asked for, and one that no skip goes past."""
  image = keras.Input((8, 8, 3), name='image')
  x = keras.layers.Conv2D(4, 3, padding='same', name='stem')(image)
  for index in range(2):
    y = keras.layers.ReLU(6.0)(keras.layers.BatchNormalization()(keras.layers.Conv2D(6, 1, name=f'expand{index}')(x)))
    y = keras.layers.ReLU(6.0)(keras.layers.DepthwiseConv2D(3, padding='same', name=f'depthwise{index}')(y))
    if gated and index:
      gate = keras.layers.Conv2D(2, 1, activation='relu', name='squeeze')(keras.layers.GlobalAveragePooling2D(keepdims=True)(y))
      y = keras.layers.Multiply()([y, keras.layers.Conv2D(6, 1, activation='sigmoid', name='excite')(gate)])
    y = keras.layers.BatchNormalization(name=f'norm{index}')(keras.layers.Conv2D(4, 1, use_bias=bool(index), name=f'project{index}')(y))
    if padded:
      y = keras.layers.Cropping2D(1)(keras.layers.ZeroPadding2D(1)(y))
    y = keras.layers.Dropout(0.1)(y)
    x = keras.layers.Add(name=f'sum{index}')([x, y])
  x = keras.layers.ReLU()(keras.layers.Conv2D(5, 1, name='last')(x))
  model = networks.stirred(keras.Model(image, keras.layers.Dense(3, name='answers')(keras.layers.GlobalAveragePooling2D()(x))), RNG)
  for index in range(2):  # Norms that have seen what their blocks say once they are silent.
    project = model.get_layer(f'project{index}')
    model.get_layer(f'norm{index}').moving_mean.assign(project.bias if project.use_bias else np.zeros(4))
  return model


def none_of(channels, *names):
  return {group.name: np.zeros(group.units, bool) for group in channels.groups if group.name in names}


def shrunk(model, channels, alive):
  """The model without these units, its shifts set."""
  _, variables = read(model)
  values = {name: variable.numpy() for name, variable in variables.items()}
  smaller = build_graph(channels.shrunk(alive))
  values |= depth.constants(channels.graph, channels.emptied(alive), values)
  cuts = channels.slices(alive)
  for name, variable in read(smaller)[1].items():
    value = values[name]
    for axis, indices in cuts.get(name, ()):
      value = np.take(value, indices, axis)
    variable.assign(value)
  return smaller


@pytest.mark.parametrize('gated', [False, True])
@pytest.mark.parametrize('gone', [('expand0',), ('expand1',), ('expand0', 'expand1')])
def test_a_block_whose_units_are_all_gone_is_its_skip_and_a_constant(gone, gated):
  model = blocks(gated)
  channels = analyse(read(model)[0])
  alive = channels.closed(none_of(channels, *gone))
  networks.silence(model, channels, alive)
  smaller = shrunk(model, channels, alive)
  images = RNG.normal(size=(2, 8, 8, 3)).astype(np.float32)
  np.testing.assert_allclose(smaller(images), model(images), rtol=1e-4, atol=1e-5)
  layers = {layer.name for layer in smaller.layers}
  for index in (0, 1):
    assert (f'depthwise{index}' in layers) == (f'project{index}' in layers) == (f'expand{index}' not in gone)
    assert (f'sum{index}/shift' in layers) == (f'expand{index}' in gone)
  assert channels.macs(alive) == analyse(read(smaller)[0]).macs() < channels.macs()
  assert 'squeeze' not in alive or not alive['squeeze'].any()
  assert ('squeeze' in layers) == (gated and 'expand1' not in gone)


def test_what_no_skip_goes_past_keeps_a_unit():
  channels = analyse(read(blocks())[0])
  assert {group.name for group in channels.searchable() if channels.may_go_whole(group)} == {'expand0', 'expand1'}
  with pytest.raises(ValueError, match='no skip goes past keeps at least one unit. Received: none of last'):
    channels.shrunk(none_of(channels, 'last'))
  least = channels.least(channels.searchable())
  assert {name: int(units.sum()) for name, units in least.items()} == {'expand0': 0, 'expand1': 0, 'last': 1}


def test_a_constant_that_is_not_the_same_everywhere_holds_its_block():
  channels = analyse(read(blocks(padded=True))[0])
  assert not any(channels.may_go_whole(group) for group in channels.searchable())


def test_blocks_go_as_a_whole_where_the_target_asks_for_it():
  channels = analyse(read(blocks())[0])
  groups = channels.searchable()
  score = np.ones(channels.units)
  score[next(group.ids for group in groups if group.name == 'expand1')] = 0.01
  wanted = channels.macs(none_of(channels, 'expand1'))
  kept = scores.least_valuable(channels, groups, lambda: scores.Fixed(np.square(score)), wanted)
  assert {name: int(units.sum()) for name, units in kept.items()} == {'expand0': 6, 'expand1': 0, 'last': 5}


def test_blocks_that_need_one_another_do_not_both_go():
  graph = networks.inverted(residual=False)
  other = tuple(networks.renamed(node, 'other') for node in graph.nodes[2:])
  both = networks.node('sum', 'Add', ('project', 'other_project'), 4)
  channels = analyse(Graph((*graph.nodes, *other, both, networks.conv('after', 'sum', 4, 3)), ('after',)))
  groups = [group for group in channels.groups if group.name in ('expand', 'other_expand')]
  assert all(channels.may_go_whole(group) for group in groups)
  kept = scores.least_valuable(channels, groups, lambda: scores.Fixed(np.ones(channels.units)), 0)
  assert {name: int(units.sum()) for name, units in kept.items()} == {'expand': 1, 'other_expand': 1}
  assert {name: int(units.sum()) for name, units in channels.least(groups).items()} == {'expand': 1, 'other_expand': 1}


def test_a_group_that_is_held_goes_along_with_its_block():
  image = keras.Input((8, 8, 3), name='image')
  x = keras.layers.Conv2D(4, 3, padding='same', name='stem')(image)
  y = keras.layers.ReLU()(keras.layers.Conv2D(6, 1, name='expand')(x))
  y = keras.layers.Multiply()([y, keras.layers.Conv2D(1, 1, activation='sigmoid', name='gate')(y)])
  x = keras.layers.Add(name='sum')([x, keras.layers.Conv2D(4, 1, name='project')(y)])
  channels = analyse(read(keras.Model(image, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x))))[0])
  closed = channels.closed(none_of(channels, 'expand'))
  assert set(closed) == {'expand', 'gate'} and not closed['gate'].any()


def test_a_second_block_at_the_same_sum_goes_too():
  image = keras.Input((8, 8, 3), name='image')
  x = keras.layers.Conv2D(4, 3, padding='same', name='stem')(image)
  ways = [
    keras.layers.Conv2D(4, 1, name=f'project{way}')(keras.layers.ReLU()(keras.layers.Conv2D(6, 1, name=f'expand{way}')(x)))
    for way in (0, 1)
  ]
  x = keras.layers.Conv2D(5, 1, name='last')(keras.layers.Add(name='sum')([x, *ways]))
  first = analyse(read(keras.Model(image, x))[0])
  second = analyse(first.shrunk(none_of(first, 'expand0')))
  names = [node.name for node in second.shrunk(none_of(second, 'expand1')).nodes]
  assert names == ['image', 'stem', 'sum/shift+', 'sum/shift', 'last']

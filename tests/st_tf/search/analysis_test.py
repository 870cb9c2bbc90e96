import numpy as np
import pytest
import tf_keras as keras

from st_tf.arch.graph import Graph, Node
from st_tf.models import cost
from st_tf.models.graph import graph_of
from st_tf.search.analysis import analyse
from tests import networks
from tests.networks import conv, image, inverted, node


def groups(graph):
  return {group.name: group for group in analyse(graph).groups}


def test_units_between_an_expansion_and_its_projection_are_a_group():
  found = groups(inverted())
  assert set(found) == {'image', 'stem', 'expand'}
  assert found['expand'].units == 12 and not found['expand'].is_residual and not found['expand'].held_by
  assert found['stem'].makers == ('stem', 'project') and found['stem'].is_residual and found['stem'].held_by == ('output',)
  assert found['image'].held_by == ('input',)


def test_sums_join_and_a_flag_sets_them_free():
  graph = Graph((*inverted().nodes, conv('end', 'sum', 4, 2)), ('end',))
  channels = analyse(graph)
  assert [group.name for group in channels.searchable()] == ['expand']
  assert [group.name for group in channels.searchable(residual=True)] == ['stem', 'expand']
  cuts = channels.slices({'stem': np.array([True, False, True, False])})
  assert [axis for axis, _ in cuts['expand/kernel']] == [2] and [axis for axis, _ in cuts['project/kernel']] == [3]
  both = channels.slices({'stem': np.array([True, False, True, False]), 'expand': np.arange(12) < 6})
  assert [axis for axis, _ in both['expand/kernel']] == [2, 3]


def test_a_concatenation_puts_units_one_after_the_other():
  nodes = (
    image(),
    conv('a', 'image', 3, 2),
    conv('b', 'image', 3, 3),
    node('inner', 'Concatenate', ('a', 'b'), 5, axis=-1),
    node('outer', 'Concatenate', ('inner', 'a'), 7, axis=-1),
    conv('c', 'outer', 7, 2),
  )
  channels = analyse(Graph(nodes, ('c',)))
  assert [group.name for group in channels.searchable()] == ['a', 'b']
  cuts = channels.slices({'a': np.array([False, True]), 'b': np.array([True, False, True])})
  (_, indices), *_ = cuts['c/kernel']
  assert indices.tolist() == [1, 2, 4, 6]


def test_a_sum_over_concatenations_joins_unit_by_unit():
  nodes = (
    image(),
    conv('a', 'image', 3, 2),
    conv('b', 'image', 3, 3),
    conv('c', 'image', 3, 5),
    node('ab', 'Concatenate', ('a', 'b'), 5, axis=3),
    node('sum', 'Add', ('ab', 'c'), 5),
    conv('end', 'sum', 5, 2),
  )
  found = analyse(Graph(nodes, ('end',)))
  assert [(group.makers, group.units) for group in found.searchable(residual=True)] == [(('a', 'c'), 2), (('b', 'c'), 3)]
  cuts = found.slices({'b': np.array([True, False, False])})
  assert [indices.tolist() for _, indices in cuts['c/kernel']] == [[0, 1, 2]]


def test_flattened_units_have_an_entry_for_each_position():
  flat = Node('flat', 'Flatten', {}, ('a',), (8,))
  dense = Node('dense', 'Dense', {'units': 3}, ('flat',), (3,), {'kernel': (8, 3), 'bias': (3,)})
  channels = analyse(Graph((image(side=2), conv('a', 'image', 3, 2, side=2), flat, dense), ('dense',)))
  cuts = channels.slices({'a': np.array([False, True])})
  assert cuts['dense/kernel'][0][1].tolist() == [1, 3, 5, 7]
  assert channels.shrunk({'a': np.array([False, True])})['flat'].shape == (4,)


def test_a_gate_goes_with_what_it_opens():
  nodes = (
    image(),
    conv('a', 'image', 3, 6),
    node('pool', 'GlobalAveragePooling2D', ('a',), 6, side=1, keepdims=True),
    conv('squeeze', 'pool', 6, 2, side=1),
    conv('excite', 'squeeze', 2, 6, side=1, activation='sigmoid'),
    node('gated', 'Multiply', ('a', 'excite'), 6),
    conv('end', 'gated', 6, 2),
  )
  found = analyse(Graph(nodes, ('end',)))
  first, second = found.searchable()
  assert first.makers == ('a', 'excite') and not first.is_residual and second.makers == ('squeeze',)
  assert {name for name in found.slices({'a': np.arange(6) < 1})} == {'a/kernel', 'squeeze/kernel', 'excite/kernel', 'end/kernel'}


def test_one_channel_that_gates_all_stays():
  nodes = (
    image(),
    conv('a', 'image', 3, 6),
    conv('gate', 'a', 6, 1),
    node('gated', 'Multiply', ('a', 'gate'), 6),
    conv('end', 'gated', 6, 2),
  )
  found = {group.name: group for group in analyse(Graph(nodes, ('end',))).groups}
  assert found['gate'].held_by == ('gated',) and not found['a'].held_by


def test_the_same_places_of_all_groups_of_a_convolution_go_together():
  nodes = (image(), conv('a', 'image', 3, 8), conv('grouped', 'a', 8, 4, size=3, groups=2), conv('end', 'grouped', 4, 2))
  channels = analyse(Graph(nodes, ('end',)))
  a, grouped = channels.searchable()
  assert a.units == 4 and grouped.units == 2
  smaller = channels.shrunk({'a': np.array([True, False, False, True]), 'grouped': np.array([False, True])})
  assert smaller['grouped'].weights == {'kernel': (3, 3, 2, 2)} and smaller['grouped'].config['groups'] == 2
  assert [indices.tolist() for _, indices in channels.slices({'a': np.array([True, False, False, True])})['a/kernel']] == [[0, 3, 4, 7]]


def test_a_convolution_with_a_group_for_each_channel_keeps_channels():
  nodes = (image(), conv('a', 'image', 3, 6), conv('depthwise', 'a', 6, 12, size=3, groups=6), conv('end', 'depthwise', 12, 2))
  channels = analyse(Graph(nodes, ('end',)))
  (group,) = channels.searchable()
  assert group.name == 'a' and group.units == 6
  smaller = channels.shrunk({'a': np.arange(6) < 2})
  assert smaller['depthwise'].config['groups'] == 2 and smaller['depthwise'].config['filters'] == 4


@pytest.mark.parametrize(
  'layer',
  [
    node('mystery', 'LayerNormalization', ('a',), 6),
    node('mystery', 'Lambda', ('a',), 6),
    node('mystery', 'Activation', ('a',), 6, activation='softmax'),
    node('mystery', 'BatchNormalization', ('a',), 6, axis=[1], weights=('gamma',)),
    node('mystery', 'Permute', ('a',), 6, dims=[3, 1, 2]),
    node('mystery', 'MaxPooling2D', ('a',), 6, data_format='channels_first'),
    node('mystery', 'Rescaling', ('a',), 6, scale=[1.0] * 6, offset=0.0),
  ],
  ids=lambda layer: layer.kind,
)
def test_what_is_not_understood_holds_its_units_and_is_named(layer):
  found = {
    group.name: group for group in analyse(Graph((image(), conv('a', 'image', 3, 6), layer, conv('end', 'mystery', 6, 2)), ('end',))).groups
  }
  assert found['a'].held_by == ('mystery',)


def test_a_layer_that_is_called_twice_has_the_same_units_both_times():
  again = Node('shared#2', 'Conv2D', {'filters': 4, 'groups': 1}, ('b',), (4, 4, 4), {'kernel': (1, 1, 4, 4)})
  nodes = (image(), conv('a', 'image', 3, 4), conv('shared', 'a', 4, 4), conv('b', 'shared', 4, 4), again, conv('end', 'shared#2', 4, 2))
  channels = analyse(Graph(nodes, ('end',)))
  found = {group.name: group for group in channels.searchable()}
  assert found['a'].makers == ('a', 'b') and found['shared'].units == 4
  assert channels.macs() == 16 * (12 + 16 + 16 + 16 + 8)


@pytest.mark.parametrize('residual', [False, True])
@pytest.mark.parametrize('seed', range(12))
def test_of_any_network_silent_units_can_be_removed_and_every_variable_is_cut_once(seed, residual):
  rng = np.random.default_rng(seed)
  model = networks.stirred(networks.drawn(seed), rng)
  channels = analyse(graph_of(model))
  assert channels.macs() == cost.of(model).macs or any(node.name != node.layer for node in channels.graph.nodes)
  alive = networks.halved(channels, residual, rng)
  networks.silence(model, channels, alive)
  smaller = networks.shrunk(model, channels, alive)
  images = rng.normal(size=(3, *networks.SHAPE)).astype(np.float32)
  before, after = model(images).numpy(), smaller(images).numpy()
  assert np.abs(before - after).max() <= 1e-5 * np.abs(before).max()
  assert channels.macs(alive) == analyse(channels.shrunk(alive)).macs()
  assert {node.name: (node.shape, node.weights, node.config) for node in graph_of(smaller).nodes} == {
    node.name: (node.shape, node.weights, node.config) for node in channels.shrunk(alive).nodes
  }


APPLICATIONS = [
  'ConvNeXtTiny', 'DenseNet121', 'EfficientNetB0', 'EfficientNetV2B0', 'InceptionResNetV2', 'InceptionV3', 'MobileNet', 'MobileNetV2',
  'MobileNetV3Large', 'MobileNetV3Small', 'NASNetMobile', 'RegNetX002', 'RegNetY002', 'ResNet50', 'ResNet50V2', 'ResNetRS50', 'VGG16',
  'Xception',
]  # fmt: skip
QUICK = ('MobileNet', 'MobileNetV2', 'MobileNetV3Small', 'ResNet50', 'VGG16', 'Xception')


@pytest.mark.slow
@pytest.mark.parametrize('name', [name if name in QUICK else pytest.param(name, marks=pytest.mark.long) for name in APPLICATIONS])
def test_of_every_classification_network_of_keras_silent_units_can_be_removed(name):
  rng = np.random.default_rng(0)
  keras.utils.set_random_seed(0)
  size = 96 if name in ('InceptionResNetV2', 'InceptionV3', 'NASNetMobile', 'Xception') else 64
  model = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=10, classifier_activation=None)
  channels = analyse(graph_of(model))
  assert channels.macs() == cost.of(model).macs
  alive = networks.halved(channels, True, rng)
  assert alive
  networks.silence(model, channels, alive)
  smaller = networks.shrunk(model, channels, alive)
  images = rng.uniform(0, 255, (2, size, size, 3)).astype(np.float32)
  before, after = model(images).numpy(), smaller(images).numpy()
  assert np.abs(before - after).max() <= 1e-4 * np.abs(before).max()
  assert channels.macs(alive) == cost.of(smaller).macs < channels.macs()

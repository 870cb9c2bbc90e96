"""A head for maps stands on the last maps of each stride, and is made of what sparse mobile inference runs."""

import numpy as np
import pytest
import tf_keras as keras

from st_tf.arch.graph import Graph
from st_tf.arch.specs import SpecError
from st_tf.models import cost
from st_tf.models.graph import build_graph, graph_of
from st_tf.models.map_head import WIDTH, levels, with_map_head
from st_tf.search import scores
from st_tf.search.analysis import analyse
from tests import networks


def found(model: keras.Model) -> list[tuple[int, str]]:
  return [(stride, node.name) for stride, node in levels(graph_of(model))]


def small(*layers: keras.layers.Layer, size: tuple[int, int] = (32, 32)) -> keras.Model:
  image = keras.Input((*size, 3), name='image')
  x = image
  for layer in layers:
    x = layer(x)
  return keras.Model(image, x)


def convolution(name: str, stride: int = 2, activation: str = 'relu', padding: str = 'same') -> keras.layers.Layer:
  return keras.layers.Conv2D(4, 3, stride, padding, activation=activation, name=name)


def test_each_stride_ends_where_the_next_block_begins():
  # Not with the units that only the next block reads, nor with the 24 channels that only the classifier reads.
  assert found(networks.strided()) == [(4, 'keep1/add'), (8, 'keep2/add'), (16, 'keep3/add')]


def test_a_sum_ends_with_its_activation_and_a_norm_before_the_next_block_is_not_of_it():
  image = keras.Input((16, 16, 3), name='image')
  x = convolution('stem', 4, None)(image)
  y = keras.layers.Add(name='sum')([x, keras.layers.Conv2D(4, 1, name='side')(x)])
  acting = keras.layers.ReLU(name='after')(y)
  assert found(keras.Model(image, convolution('next', activation=None)(acting)))[0] == (4, 'after')
  ahead = keras.layers.ReLU(name='relu')(keras.layers.BatchNormalization(name='ahead')(y))
  assert found(keras.Model(image, convolution('next')(ahead)))[0] == (4, 'relu')
  both = keras.layers.Concatenate()([convolution('next')(ahead), keras.layers.MaxPooling2D(2)(y)])
  assert found(keras.Model(image, both))[0][0] == 4


def test_gates_are_no_maps():
  image = keras.Input((32, 32, 3), name='image')
  x = convolution('c0')(convolution('c1')(image))
  gate = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
  x = keras.layers.Multiply(name='gated')([x, keras.layers.Conv2D(4, 1, activation='sigmoid', name='gate')(gate)])
  gate = keras.layers.Reshape((1, 1, 4))(keras.layers.GlobalAveragePooling2D()(x))
  assert found(keras.Model(image, keras.layers.Multiply(name='again')([x, gate]))) == [(4, 'again')]


def test_what_is_a_part_of_a_block_does_not_end_it():
  image = keras.Input((32, 32, 3), name='image')
  x = convolution('stem', 4)(image)
  y = keras.layers.Conv2D(4, 1, name='part')(x)
  swish = keras.layers.Multiply(name='swish')([y, keras.layers.Rescaling(1 / 6, 0.5)(y)])
  assert found(keras.Model(image, swish)) == [(4, 'swish')]
  assert found(keras.Model(image, keras.layers.Concatenate(name='both')([x, y]))) == [(4, 'both')]


def test_without_sums_the_last_maps_of_a_stride_count():
  model = small(convolution('a'), convolution('b'), convolution('c', 1), keras.layers.MaxPooling2D(2, name='pool'), convolution('d', 1))
  assert found(model) == [(4, 'c'), (8, 'd')]


@pytest.mark.parametrize(
  'strides, expected',
  [((1, 1), [(1, 'c1')]), ((2, 1), [(2, 'c1')]), ((1, 2), [(2, 'c1')]), ((8, 1), [(8, 'c1')]), ((8, 2), [(8, 'c0'), (16, 'c1')])],
)
def test_a_network_of_few_strides_has_a_head_over_what_there_is(strides, expected):
  model = small(*(convolution(f'c{index}', stride) for index, stride in enumerate(strides)))
  assert found(model) == expected
  headed = build_graph(with_map_head(graph_of(model), 3))
  assert headed.output_shape == (None, 32 // expected[0][0], 32 // expected[0][0], 3)


@pytest.mark.parametrize('size, maps', [((33, 40), (9, 10)), ((40, 24), (10, 6)), ((4, 64), (1, 16))])
def test_sizes_that_do_not_halve_evenly_are_enlarged_to_the_next_finer_maps(size, maps):
  graph = graph_of(networks.strided(size))
  assert [stride for stride, _ in levels(graph)] == [4, 8, 16]
  headed = with_map_head(graph, 3)
  assert headed[headed.outputs[0]].shape == (*maps, 3)
  assert headed['head/stride4/enlarge'].config['height'] == maps[0]


def test_maps_without_padding_are_of_the_nearest_stride():
  model = small(*(convolution(f'c{index}', padding='valid') for index in range(3)))  # 15, 7 and 3 pixels.
  assert found(model) == [(4, 'c1'), (8, 'c2')]


def test_a_network_without_maps_is_refused():
  with pytest.raises(SpecError, match=r'stands on maps \[height, width, channels\]. Received: a network from \(32, 32, 3\) without any'):
    with_map_head(graph_of(small(keras.layers.Flatten(), keras.layers.Dense(3))), 3)


def test_images_that_a_layer_cannot_read_are_named():
  graph = graph_of(small(*(convolution(f'c{index}', padding='valid') for index in range(3))))
  with pytest.raises(SpecError, match=r'a size that every layer can read. Received: c2 \(Conv2D\) reads \(1, 1, 4\)'):
    build_graph(graph, (8, 8, 3))


def test_a_hand_made_graph_gets_its_head():
  stem = networks.conv('stem', 'image', 3, 6, kernel_size=1, use_bias=False)
  plain = Graph((networks.image(), stem), ('stem',))
  headed = with_map_head(plain, 2)
  macs = 16 * (3 * 6 + 6 * 6 + 2 * (25 * 6 + 6 * 6) + 6 * 2)
  assert cost.of(build_graph(headed)).macs == macs == analyse(headed).macs()
  assert headed.outputs == ('head/classifier',) and headed['head/stride1/project'].inputs == ('stem',)


@pytest.mark.parametrize(('channels', 'width'), [((4, 12), 12), ((12, 4), 12), ((8, 90), WIDTH)])
def test_it_is_as_wide_as_the_widest_maps_that_it_stands_on_up_to_a_limit(channels, width):
  layers = (keras.layers.Conv2D(count, 3, 4, 'same', name=f'c{index}') for index, count in enumerate(channels))
  headed = with_map_head(graph_of(small(*layers)), 3)
  assert {headed[name].shape[-1] for name in ('head/stride4/project', 'head/stride16/project', 'head/refine1/mix')} == {width}


def test_the_classifier_s_own_units_are_left_out_and_hidden_ones_stay_searchable():
  whole = graph_of(networks.strided())
  headed = with_map_head(whole, 3)
  assert 'last' in whole.by_name and not {'last', 'pool', 'answers'} & headed.by_name.keys()
  channels = analyse(headed)
  fresh = {node.layer for node in headed.nodes if node.layer.startswith('head/')}
  groups = {group.name for group in scores.candidates(channels, fresh)}
  assert groups == {'first'} | {f'{block}{index}/expand' for block in ('down', 'keep') for index in (1, 2, 3)}
  # Where nothing was trained, the head's own units may go too.
  assert 'head/refine0/mix' in {group.name for group in scores.candidates(channels)}


def test_it_begins_near_zero_and_may_begin_otherwise():
  headed = with_map_head(graph_of(networks.strided()), 500)
  last = build_graph(headed).get_layer('head/classifier').kernel.numpy()
  assert last.std() == pytest.approx(1e-3, rel=0.1)
  assert build_graph(headed, deviation=0.1).get_layer('head/classifier').kernel.numpy().std() == pytest.approx(0.1, rel=0.1)


def test_removing_units_that_nothing_reads_changes_nothing():
  graph, rng = with_map_head(graph_of(networks.strided()), 3), np.random.default_rng(0)
  model, channels = networks.stirred(build_graph(graph), rng), analyse(graph)
  alive = networks.halved(channels, True, rng)
  networks.silence(model, channels, alive)
  images = rng.normal(size=(2, 32, 32, 3)).astype(np.float32)
  smaller = networks.shrunk(model, channels, alive)
  assert smaller.count_params() < 0.6 * model.count_params()
  np.testing.assert_allclose(smaller(images), model(images), rtol=1e-4, atol=1e-4)

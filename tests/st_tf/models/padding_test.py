"""Padding on one side: who has it, the same function with symmetric padding, and what stays."""

import itertools

import numpy as np
import pytest
import tf_keras as keras

from st_tf.arch.specs import SpecError
from st_tf.models import padding
from st_tf.models.graph import build_graph, graph_of, read
from tests import networks

RNG = np.random.default_rng(0)
layers = keras.layers


def model(*made, size=(8, 8), channels=3):
  image = x = keras.Input((*size, channels), name='image')
  for layer in made:
    x = layer(x)
  return keras.Model(image, x)


def data(network):
  graph, variables = read(networks.stirred(network, RNG))
  return graph, {name: variable.numpy() for name, variable in variables.items()}


def rebuilt(found):
  network = build_graph(found.graph)
  for name, variable in read(network)[1].items():
    variable.assign(found.values[name])
  return network


def difference(network, other):
  images = RNG.normal(size=(2, *network.input_shape[1:])).astype(np.float32)
  return float(np.abs(network(images).numpy() - other(images).numpy()).max())


def test_a_kernel_padded_below_and_right_lies_in_the_corner_of_a_larger_one():
  graph, values = data(model(layers.DepthwiseConv2D(3, 2, 'same', name='a')))
  (found,) = padding.one_sided(graph)
  assert str(found) == 'a (3x3 at 8x8: 0 above, 1 below, 0 left, 1 right)'
  new = padding.symmetric(graph, values, exact=True)
  kernel = new.values['a/depthwise_kernel']
  assert kernel.shape == new.graph['a'].weights['depthwise_kernel'] == (5, 5, 3, 1)
  np.testing.assert_array_equal(kernel[2:, 2:], values['a/depthwise_kernel'])
  assert not kernel[:2].any() and not kernel[:, :2].any()
  assert new.graph['a_pad'].config['padding'] == [[2, 2], [2, 2]] and new.graph['a_pad'].shape == (12, 12, 3)
  assert new.exactly == (found,) and not new.moved and not new.left and not padding.one_sided(new.graph)


@pytest.mark.parametrize('size', [(8, 8), (9, 7), (8, 11), (12, 13)])
def test_every_depthwise_kernel_keeps_its_function(size):
  image = keras.Input((*size, 3), name='image')
  ends = [
    layers.DepthwiseConv2D(kernel, stride, 'same', depth_multiplier=2)(image)
    for kernel, stride in itertools.product((2, 3, 4, 5, 7), (1, 2, 3))
  ]
  for above, below, stride in itertools.product((0, 1), (0, 1, 2), (1, 2)):
    ends.append(layers.DepthwiseConv2D(3, stride)(layers.ZeroPadding2D(((above, below), (below, above)))(image)))
  network = keras.Model(image, layers.Concatenate()([layers.Flatten()(end) for end in ends]))
  graph, values = data(network)
  new = padding.symmetric(graph, values, exact=True, largest=99)
  assert difference(network, rebuilt(new)) < 1e-5
  same = {node.layer for node in graph.nodes if node.config.get('padding') == 'same'}
  assert same.isdisjoint(found.layer for found in padding.one_sided(new.graph)) and len(new.exactly) >= 8


def test_a_padding_layer_and_what_reads_it_become_one_pair_of_their_names():
  network = model(layers.ZeroPadding2D(((0, 1), (0, 1)), name='pad'), layers.DepthwiseConv2D(3, 2, name='a'))
  new = padding.symmetric(*data(network), exact=True)
  assert [node.name for node in new.graph.nodes] == ['image', 'pad', 'a'] and new.graph['pad'].config['padding'] == [[2, 2], [2, 2]]


def test_a_padding_layer_that_another_reads_stays_for_it():
  image = keras.Input((8, 8, 3), name='image')
  x = layers.ZeroPadding2D(((0, 1), (0, 1)), name='pad')(image)
  network = keras.Model(image, layers.Add()([layers.DepthwiseConv2D(3, 2, name='a')(x), layers.MaxPooling2D(3, 2, name='b')(x)]))
  new = padding.symmetric(*data(network), exact=True)
  assert difference(network, rebuilt(new)) < 1e-5
  assert new.graph['b'].inputs == ('pad',) and new.graph['a'].inputs == ('a_pad',)


def test_without_larger_kernels_they_move():
  graph, values = data(model(layers.Conv2D(4, 3, 2, 'same', name='first'), layers.DepthwiseConv2D(3, 2, 'same', name='a')))
  new = padding.symmetric(graph, values)
  assert [found.layer for found in new.moved] == ['first', 'a'] and not new.exactly and new.values == values
  assert new.graph['first_pad'].config['padding'] == new.graph['a_pad'].config['padding'] == [[1, 1], [1, 1]]
  assert [node.shape for node in new.graph.nodes if node.name in ('first', 'a')] == [graph['first'].shape, graph['a'].shape]


def test_a_kernel_that_moved_sees_what_it_saw_of_images_shifted_by_a_pixel():
  graph, values = data(model(layers.DepthwiseConv2D(3, 2, 'same', name='a', use_bias=False)))
  before, moved = rebuilt(padding.Symmetric(graph, values)), rebuilt(padding.symmetric(graph, values))
  images = RNG.normal(size=(1, 8, 8, 3)).astype(np.float32)
  shifted = np.roll(images, (-1, -1), (1, 2))
  np.testing.assert_allclose(moved(shifted)[:, 1:3, 1:3], before(images)[:, 1:3, 1:3], atol=1e-5)


def test_a_kernel_of_5_moves_since_one_of_7_has_no_sparse_form():
  graph, values = data(model(layers.DepthwiseConv2D(5, 2, 'same', name='a')))
  new = padding.symmetric(graph, values, exact=True)
  assert [found.layer for found in new.moved] == ['a'] and new.graph['a'].weights['depthwise_kernel'] == (5, 5, 3, 1)


def test_strides_under_same_that_are_symmetric_become_explicit_and_stay_what_they_are():
  network = model(layers.Conv2D(4, 3, 2, 'same', name='first'), layers.Conv2D(4, 1, 2, 'same', name='b'), size=(9, 9))
  new = padding.symmetric(*data(network))
  assert [node.name for node in new.graph.nodes] == ['image', 'first_pad', 'first', 'b']
  assert all(node.config.get('padding') != 'same' for node in new.graph.nodes)
  assert difference(network, rebuilt(new)) < 1e-5 and not (new.exactly or new.moved or new.left)


@pytest.mark.parametrize(
  'made',
  [
    [layers.Conv2D(4, 3, 2, 'same', name='a')],  # Of 8 channels, a full convolution has no sparse form.
    [layers.DepthwiseConv2D(7, 2, 'same', name='a')],
    [layers.ZeroPadding2D(((0, 1), (0, 1))), layers.DepthwiseConv2D(3, 2, name='a')],  # At 9 pixels it gives one row less.
  ],
)
def test_what_has_no_symmetric_form_stays(made):
  size = (9, 9) if len(made) == 2 else (8, 8)
  network = model(*made, size=size, channels=8)
  graph, values = data(network)
  new = padding.symmetric(graph, values)
  assert [found.layer for found in new.left] == ['a'] and new.graph == graph


def test_a_layer_that_is_called_twice_stays():
  image = keras.Input((8, 8, 3))
  shared = layers.DepthwiseConv2D(3, 2, 'same', name='a')
  graph, values = data(keras.Model(image, layers.Concatenate()([shared(image), shared(layers.ReLU()(image))])))
  new = padding.symmetric(graph, values, exact=True)
  assert new.graph == graph and [found.layer for found in new.left] == ['a', 'a']


def test_images_of_any_size_are_refused():
  with pytest.raises(SpecError, match='known for images of a fixed size. Received: a, which reads'):
    padding.one_sided(graph_of(model(layers.DepthwiseConv2D(3, 2, 'same', name='a'), size=(None, None))))


def test_dilated_kernels_are_left_alone():
  assert padding.one_sided(graph_of(model(layers.DepthwiseConv2D(2, 1, 'same', dilation_rate=2)))) == ()


def mobile(*middle):
  start = [layers.Conv2D(4, 3, 2, 'same'), layers.Conv2D(6, 1), layers.DepthwiseConv2D(3, 2, 'same')]
  return graph_of(model(*start, *middle, layers.GlobalAveragePooling2D(), layers.Dense(3), size=(16, 16)))


@pytest.mark.parametrize(
  'middle, layer',
  [
    ([], ''),
    ([layers.DepthwiseConv2D(5, padding='same'), layers.UpSampling2D(interpolation='bilinear')], ''),
    ([layers.Conv2D(4, 3, name='a')], 'a (Conv2D)'),
    ([layers.Conv2D(6, 1, groups=2, name='a')], 'a (Conv2D)'),
    ([layers.DepthwiseConv2D(7, padding='same', name='a')], 'a (DepthwiseConv2D)'),
    ([layers.MaxPooling2D(2, name='a')], 'a (MaxPooling2D)'),
    ([layers.SeparableConv2D(4, 3, padding='same', name='a')], 'a (SeparableConv2D)'),
    ([layers.UpSampling2D(name='a')], 'a (UpSampling2D)'),
  ],
)
def test_what_keeps_a_network_from_running_sparsely_whatever_its_padding(middle, layer):
  assert padding.dense_anyway(mobile(*middle)) == layer


def test_a_gate_keeps_a_network_dense():
  image = keras.Input((8, 8, 3))
  x = layers.Conv2D(4, 3, 2, 'same')(image)
  gate = layers.Conv2D(4, 1, activation='sigmoid')(layers.GlobalAveragePooling2D(keepdims=True)(x))
  assert padding.dense_anyway(graph_of(keras.Model(image, layers.Multiply(name='gate')([x, gate])))) == 'gate (Multiply)'

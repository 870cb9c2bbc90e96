"""What Keras computes, the graph computes."""

import dataclasses

import numpy as np
import pytest
import tf_keras as keras

from st_tf.arch.specs import BlockSpec, HeadSpec
from st_tf.models.layers import AppendCoordinates, ChannelShift, GroupedConv2D
from tests import tiny
from tests.graphs import random_network
from tflite.deploy.emit import emit
from tflite.deploy.lower import LoweringError, lower

HEAD = HeadSpec('classification', 3)


def agrees(model: keras.Model) -> None:
  """Asserts that model and graph give the same outputs."""
  for layer in model.layers:
    rng = np.random.default_rng(len(layer.name))
    layer.set_weights([rng.uniform(0.5, 1.5, value.shape) for value in layer.get_weights()])
  images = np.random.default_rng(1).normal(size=(2, *model.input_shape[1:])).astype(np.float32)
  expected = model(images, training=False).numpy()
  np.testing.assert_allclose(emit(lower(model))(images), expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
  'layer',
  [
    keras.layers.Conv2D(4, 1),
    keras.layers.Conv2D(4, 3, padding='same', use_bias=False),
    keras.layers.Conv2D(4, 3, 2),
    keras.layers.DepthwiseConv2D(5, padding='same'),
    keras.layers.DepthwiseConv2D(3, 2, use_bias=False),
    GroupedConv2D(8, 1, 2, groups=4, use_bias=False),
    GroupedConv2D(6, 1, groups=2),
    keras.layers.BatchNormalization(),
    ChannelShift(),
    keras.layers.UpSampling2D(2, interpolation='nearest'),
    keras.layers.Resizing(13, 17),
    keras.layers.GlobalAveragePooling2D(),
    keras.layers.Dropout(0.5),
    keras.layers.ReLU(),
    keras.layers.ReLU(6.0),
  ],
  ids=lambda layer: type(layer).__name__,
)
@pytest.mark.parametrize('pad', [0, 1])
def test_each_kind_of_layer_keeps_its_meaning(layer, pad):
  image = keras.Input((7, 8, 4))
  convolution = isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D))
  padded = keras.layers.ZeroPadding2D(pad)(image) if pad and convolution else image
  agrees(keras.Model(image, type(layer).from_config(layer.get_config())(padded)))


# Every activation with both upsamplings and both heads, every upsampling with both heads.
@pytest.mark.parametrize(
  ('activation', 'upsampling', 'kind'),
  [
    ('relu', 'nearest', 'classification'),
    ('relu', 'bilinear', 'dense'),
    ('relu6', 'nearest', 'dense'),
    ('relu6', 'bilinear', 'classification'),
    ('hard_swish', 'nearest', 'classification'),
    ('hard_swish', 'bilinear', 'dense'),
    ('swish', 'nearest', 'dense'),
    ('swish', 'bilinear', 'classification'),
  ],
)
def test_a_supernet_keeps_its_meaning(activation, upsampling, kind):
  arch = dataclasses.replace(tiny.ARCH, activation=activation, upsampling=upsampling)
  model = random_network(arch, HeadSpec(kind, 3), 8)
  images = np.random.default_rng(1).normal(size=(2, 8, 8, 3)).astype(np.float32)
  expected = model(images, training=False).numpy()
  np.testing.assert_allclose(emit(lower(model))(images), expected, atol=1e-5 * np.abs(expected).max())


def test_what_a_search_left_keeps_its_meaning():
  arch = tiny.SPECK.with_searched({'stage1/fuse/0to0': BlockSpec((), shift=True), 'head/increase0': BlockSpec(((3, 5),), shift=True)})
  model = random_network(arch, HEAD, 8)
  images = np.random.default_rng(1).normal(size=(2, 8, 8, 3)).astype(np.float32)
  np.testing.assert_allclose(emit(lower(model))(images), model(images, training=False), atol=1e-5)


def unknown(layer, shape=(8, 8, 3)):
  image = keras.Input(shape)
  return keras.Model(image, layer(image))


@pytest.mark.parametrize(
  ('model', 'kind'),
  [
    (lambda: unknown(AppendCoordinates()), 'AppendCoordinates'),
    (lambda: unknown(keras.layers.Conv2D(4, 3, 2, padding='same')), 'Conv2D'),
    (lambda: unknown(keras.layers.Conv2D(4, 2)), 'Conv2D'),
    (lambda: unknown(keras.layers.Conv2D(4, 3, dilation_rate=2)), 'Conv2D'),
    (lambda: unknown(keras.layers.DepthwiseConv2D(3, depth_multiplier=2)), 'DepthwiseConv2D'),
    (lambda: unknown(keras.layers.Activation('tanh')), 'Activation'),
    (lambda: unknown(keras.layers.MaxPooling2D()), 'MaxPooling2D'),
    (lambda: unknown(keras.layers.ReLU(5.0)), 'ReLU'),
    (lambda: unknown(keras.layers.ReLU(6.0, negative_slope=0.1)), 'ReLU'),
    (lambda: unknown(keras.layers.Conv2D(4, 1, activation='relu')), 'Conv2D'),
    (lambda: unknown(keras.layers.GlobalAveragePooling2D(keepdims=True)), 'GlobalAveragePooling2D'),
    (lambda: random_network(dataclasses.replace(tiny.SPECK, tokens=2), HEAD, 8), 'transformer'),
  ],
)
def test_a_layer_that_graphs_do_not_have_is_named(model, kind):
  with pytest.raises(LoweringError, match=rf'A deployment graph consists of .* Received: .*{kind}.* Export the network as it stands'):
    lower(model())


def test_padding_before_anything_but_a_convolution_is_refused():
  with pytest.raises(LoweringError, match='Received: .*BatchNormalization'):
    image = keras.Input((8, 8, 3))
    lower(keras.Model(image, keras.layers.BatchNormalization()(keras.layers.ZeroPadding2D(1)(image))))

"""The layers that tf_keras does not have, each against arithmetic."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from st_tf.models.layers import AppendCoordinates, ChannelScale, ChannelShift, CountedDropout, GroupedConv2D, TokenNorm


def normal(*shape):
  return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def test_a_scale_multiplies_each_channel_and_is_not_negative():
  layer, images = ChannelScale(), normal(2, 4, 4, 3)
  assert np.array_equal(layer(images), images)
  layer.scale.assign([0.0, 1.0, 2.0])
  np.testing.assert_array_equal(layer(images), images * np.float32([0, 1, 2]))
  optimizer = keras.optimizers.SGD(1.0, jit_compile=False)
  optimizer.apply_gradients([(tf.constant([1.0, 0.5, -1.0]), layer.scale)])
  assert layer.scale.numpy().tolist() == [0, 0.5, 3]


@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('size', [1, 3])
def test_a_grouped_convolution_equals_one_convolution_per_group(size, stride):
  groups, images = 3, normal(2, 7, 8, 6)
  layer = GroupedConv2D(9, size, stride, padding='same' if stride == 1 else 'valid', groups=groups, use_bias=False)
  outputs = layer(images).numpy()
  assert layer.kernel.shape == (size, size, 2, 9)
  parts = [
    tf.nn.conv2d(images[..., 2 * g : 2 * g + 2], layer.kernel[..., 3 * g : 3 * g + 3], stride, layer.padding.upper()) for g in range(groups)
  ]
  np.testing.assert_allclose(outputs, np.concatenate(parts, -1), rtol=1e-5, atol=1e-6)


def test_a_grouped_1x1_convolution_by_hand():
  layer = GroupedConv2D(2, 1, groups=2, use_bias=False)
  layer.build([None, 1, 1, 4])
  layer.kernel.assign(np.array([[1, 10], [2, 20]], np.float32)[None, None])
  assert layer(np.array([1, 2, 3, 4], np.float32)[None, None, None]).numpy().tolist() == [[[[1 + 4, 30 + 80]]]]


def test_a_grouped_convolution_may_have_a_bias_and_an_activation():
  layer = GroupedConv2D(2, 1, groups=2, activation='relu')
  layer.build([None, 1, 1, 2])
  layer.kernel.assign(np.array([[1, 1]], np.float32)[None, None])
  layer.bias.assign([-2.0, 1.0])
  assert layer(np.array([1, 2], np.float32)[None, None, None]).numpy().tolist() == [[[[0, 3]]]]


def test_a_grouped_convolution_is_not_compiled():
  layer = GroupedConv2D(4, 1, groups=2)
  layer.build([None, 2, 2, 4])
  traced = tf.function(layer, input_signature=[tf.TensorSpec([None, 2, 2, 4])]).get_concrete_function()
  assert not any('Call' in operation.type for operation in traced.graph.get_operations())


def test_a_strided_1x1_kernel_gets_its_gradient_of_every_second_pixel():
  # On a CPU with AVX2 oneDNN's gradient of such a one ended in 'free(): invalid size', or in other numbers from run to run.
  layer = GroupedConv2D(8, 1, 2, use_bias=False)
  layer.build([None, 8, 8, 4])

  @tf.function(input_signature=[tf.TensorSpec([16, 8, 8, 4])])
  def gradient(images):
    with tf.GradientTape() as tape:
      loss = tf.reduce_sum(layer(images))
    return tape.gradient(loss, layer.kernel)

  operations = gradient.get_concrete_function().graph.get_operations()
  strides = {operation.type: operation.get_attr('strides') for operation in operations if operation.type.startswith('Conv2D')}
  assert 'Conv2DBackpropFilter' in strides and all(each == [1, 1, 1, 1] for each in strides.values())


def test_a_grouped_kernel_gets_gradients_and_has_no_entries_between_groups():
  layer, images = GroupedConv2D(4, 1, groups=2, use_bias=False), normal(1, 2, 2, 4)
  with tf.GradientTape() as tape:
    loss = tf.reduce_sum(layer(images)[..., 0])
  gradient = tape.gradient(loss, layer.kernel).numpy()[0, 0]
  np.testing.assert_allclose(gradient[:, 0], images[..., :2].sum((0, 1, 2)), rtol=1e-5)
  assert not gradient[:, 1:].any()


def test_a_shift_is_one_trained_constant_per_channel():
  layer, images = ChannelShift(), normal(1, 2, 2, 3)
  assert np.array_equal(layer(images), images)
  layer.shift.assign([1.0, 2.0, 3.0])
  assert np.array_equal(layer(images), images + np.array([1, 2, 3], np.float32))
  assert len(layer.trainable_weights) == 1


def test_dropout_zeroes_its_rate_and_scales_the_rest():
  layer = CountedDropout(0.25, seed=5)
  outputs = layer(np.ones([200, 100], np.float32), training=True).numpy()
  assert np.mean(outputs == 0) == pytest.approx(0.25, abs=0.02)
  np.testing.assert_allclose(outputs[outputs != 0], 1 / 0.75, rtol=1e-6)


def test_dropout_s_noise_depends_on_the_seed_and_on_how_often_it_was_called():
  first, second, other, ones = CountedDropout(0.5, 5), CountedDropout(0.5, 5), CountedDropout(0.5, 6), np.ones([4, 50], np.float32)
  noise = [first(ones, training=True).numpy() for _ in range(3)]
  assert int(first.calls) == 3 and not np.array_equal(noise[0], noise[1])
  assert not np.array_equal(noise[0], other(ones, training=True))
  second(ones, training=True)
  second.calls.assign(2)
  assert np.array_equal(second(ones, training=True), noise[2])


def test_dropout_is_off_in_inference_and_does_not_count_there():
  layer, ones = CountedDropout(0.5, 5), np.ones([4, 50], np.float32)
  assert np.array_equal(layer(ones), ones) and np.array_equal(layer(ones, training=False), ones)
  assert int(layer.calls) == 0


def test_dropout_counts_inside_a_traced_function_too():
  layer, ones = CountedDropout(0.5, 5), tf.ones([4, 50])
  layer.build(ones.shape)
  function = tf.function(lambda: layer(ones, training=True))
  assert not np.array_equal(function(), function()) and int(layer.calls) == 2


@pytest.mark.parametrize('height, width', [(8, 8), (3, 5)])
def test_coordinates_have_zero_mean_and_unit_deviation(height, width):
  images = normal(2, height, width, 3)
  outputs = AppendCoordinates()(images).numpy()
  assert outputs.shape == (2, height, width, 5) and np.array_equal(outputs[..., :3], images)
  rows, columns = outputs[0, ..., 3], outputs[0, ..., 4]
  np.testing.assert_allclose([rows.mean(), rows.std(), columns.mean(), columns.std()], [0, 1, 0, 1], atol=1e-6)
  assert (np.diff(rows, axis=0) > 0).all() and (np.diff(columns, axis=1) > 0).all()
  assert not np.ptp(rows, axis=1).any() and not np.ptp(columns, axis=0).any()


def test_coordinates_of_a_single_row_are_zero():
  assert not AppendCoordinates()(np.ones([1, 1, 1, 1], np.float32)).numpy()[..., 1:].any()


def test_a_token_norm_tells_which_tokens_are_alive():
  layer, maps = TokenNorm(epsilon=1e-5), normal(2, 4, 4, 3)
  layer.build(maps.shape)
  layer.gamma.assign([0.5, 0.0, -1e-9])
  values, alive = layer(maps, training=False)
  assert alive.numpy().tolist() == [1, 0, 1]
  np.testing.assert_allclose(values[..., 0], maps[..., 0] * 0.5 / np.sqrt(1 + 1e-5), rtol=1e-5)


def test_a_model_of_these_layers_survives_its_file(tmp_path):
  inputs = keras.Input([4, 4, 4])
  x = ChannelShift()(AppendCoordinates()(GroupedConv2D(4, 1, groups=2)(inputs)))
  model = keras.Model(inputs, CountedDropout(0.3, 7)(x))
  model.save(tmp_path / 'model.keras')
  again, images = keras.models.load_model(tmp_path / 'model.keras'), normal(1, 4, 4, 4)
  assert np.array_equal(model(images), again(images))
  assert (again.layers[-1].rate, again.layers[-1].seed) == (0.3, 7)

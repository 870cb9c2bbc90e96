"""What training sees is what an int8 file computes: by hand, and against files."""

import dataclasses

from ai_edge_litert.interpreter import Interpreter
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from st_tf.models import build, named_variables
from st_tf.training import int8
from tests import networks, tiny
from tflite.deployment import deployment
from tflite.file.encode import encode
from tflite.file.runner import Runner

RNG = np.random.default_rng(2)


def exported(model, images):
  network = deployment(model)
  return encode(network.function, model.input_shape[1:], 'int8', calibration=images, variables=network.variables)


def infer(model, images):
  return model(images, training=False).numpy()


def rounded_outputs(model, images):
  with int8.rounded(model):
    return infer(model, images)


@pytest.fixture(scope='module')
def convolution():
  """(a convolution with a batch norm and an activation, images on a grid of 256 levels, its int8 file)."""
  image = keras.Input((6, 6, 3))
  x = keras.layers.BatchNormalization(name='norm')(keras.layers.Conv2D(4, 3, use_bias=False, name='conv')(image))
  model = networks.stirred(keras.Model(image, keras.layers.ReLU(name='act')(x)), np.random.default_rng(3))
  model.get_layer('norm').gamma.assign([0.5, -1.5, 1.0, 0.7])
  kernel = model.get_layer('conv').kernel
  kernel.assign(kernel.numpy() * (np.random.default_rng(4).random(kernel.shape) < 0.5))
  images = np.random.default_rng(5).integers(-100, 156, (8, 6, 6, 3)).astype(np.float32) / 64
  images[0, 0, 0], images[0, 0, 1] = -100 / 64, 155 / 64
  return model, images, exported(model, images)


def test_weights_are_multiples_of_a_127th_of_the_largest_of_their_channel():
  weights = np.float32([[1.27, 0.0, 0.0], [-0.514, 0.3, 0.0], [0.0, -0.9, 0.0]])
  third = 0.9 / 127
  expected = [[1.27, 0, 0], [-0.51, round(0.3 / third) * third, 0], [0, -0.9, 0]]
  found = int8.rounded_weights(weights, (0,)).numpy()
  np.testing.assert_allclose(found, expected, rtol=1e-6)
  assert np.all(found[weights == 0] == 0)


def test_activations_have_256_levels_between_smallest_and_largest_one_of_them_zero():
  values = np.linspace(-1, 1.55, 2001).astype(np.float32)
  found = int8.rounded_activations(values).numpy()
  np.testing.assert_allclose(found, np.rint(values / 0.01) * 0.01, atol=0.0101 * 1e-3 + 0.01)
  assert len(np.unique(found)) == 256 and 0 in found and np.abs(found - values).max() < 0.00501
  positive = int8.rounded_activations(np.float32([0.5, 2.55])).numpy()
  np.testing.assert_allclose(positive, [0.5, 2.55], rtol=1e-6)
  assert not int8.rounded_activations(np.zeros(3, np.float32)).numpy().any()


def test_gradients_go_straight_through():
  values = tf.constant([0.1, 0.234, -0.5])
  with tf.GradientTape(persistent=True) as tape:
    tape.watch(values)
    weights, activations = int8.rounded_weights(values, (0,)), int8.rounded_activations(values)
  assert not np.array_equal(weights, values) and not np.array_equal(activations, values)
  assert np.array_equal(tape.gradient(weights, values), [1, 1, 1])
  assert np.array_equal(tape.gradient(activations, values), [1, 1, 1])


def test_the_weights_of_a_file_are_those_of_training_with_the_batch_norm_folded_in(convolution):
  model, _, content = convolution
  interpreter = Interpreter(model_content=content, experimental_preserve_all_tensors=True)
  interpreter.allocate_tensors()
  (stored,) = (tensor for tensor in interpreter.get_tensor_details() if tuple(tensor['shape']) == (4, 3, 3, 3))
  scales = stored['quantization_parameters']['scales'].reshape(-1, 1, 1, 1)
  in_file = (interpreter.get_tensor(stored['index']) * scales).transpose(1, 2, 3, 0)
  norm, kernel = model.get_layer('norm'), model.get_layer('conv').kernel.numpy()
  folded = norm.gamma.numpy() / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)
  np.testing.assert_allclose(int8.rounded_weights(kernel, (0, 1, 2)).numpy() * folded, in_file, rtol=1e-5, atol=1e-7)
  assert np.all(in_file[kernel == 0] == 0) and np.mean(kernel == 0) > 0.3


def test_an_int8_file_says_what_training_saw_to_one_level(convolution):
  model, images, content = convolution
  seen, said = rounded_outputs(model, images), Runner(content)(images)
  level = seen.max() / 255
  assert np.abs(seen - said).max() < 1.01 * level
  # Levels of the file are those of the network that does not round, which differ by a trifle.
  same, unrounded = (np.mean(np.abs(outputs - said) < 0.1 * level) for outputs in (seen, infer(model, images)))
  assert same > 0.95 > 0.8 > unrounded


@pytest.mark.parametrize('kind', ['Dense', 'DepthwiseConv2D'])
def test_other_kernels_agree_with_their_files_too(kind):
  image = keras.Input((6, 6, 3))
  layer = keras.layers.Dense(4) if kind == 'Dense' else keras.layers.DepthwiseConv2D(3)
  x = layer(keras.layers.GlobalAveragePooling2D()(image) if kind == 'Dense' else image)
  model = networks.stirred(keras.Model(image, x), RNG)
  # Channels of very different sizes, which one scale for all would not tell apart.
  kernel = model.layers[-1].weights[0]
  sizes = np.float32([1, 0.01, 1, 0.01])
  kernel.assign(kernel.numpy() * (sizes if kind == 'Dense' else sizes[:3, None]))
  images = RNG.normal(size=(8, 6, 6, 3)).astype(np.float32)
  seen, said = rounded_outputs(model, images), Runner(exported(model, images))(images)
  assert np.abs(seen - said).max() < 2.01 * (max(seen.max(), 0) - min(seen.min(), 0)) / 255


def test_it_rounds_where_a_file_does():
  model = networks.residual(8, 1)
  rounds = {layer.name: rounds for layer, rounds in int8._layers(model)}
  kinds = [(type(layer).__name__, rounds[layer.name]) for layer in model.layers[1:]]
  assert [kind for kind, rounded in kinds if rounded] == [
    'ReLU', 'ReLU', 'ReLU', 'BatchNormalization', 'Add', 'ReLU', 'GlobalAveragePooling2D', 'Dense',
  ]  # fmt: skip


def test_the_model_is_as_it_was_afterwards(convolution):
  model, images, _ = convolution
  before, kernel = infer(model, images), model.get_layer('conv').kernel
  assert not np.array_equal(rounded_outputs(model, images), before)
  with pytest.raises(ZeroDivisionError), int8.rounded(model):
    raise ZeroDivisionError
  assert np.array_equal(infer(model, images), before)
  assert model.get_layer('conv').kernel is kernel and not any('call' in vars(layer) for layer in (model, *model.layers))


@pytest.mark.parametrize('seed', range(6))
def test_any_network_computes_about_the_same_rounded(seed):
  model = networks.drawn(seed)
  images = RNG.normal(size=(4, *networks.SHAPE)).astype(np.float32)
  before, found = infer(model, images), rounded_outputs(model, images)
  assert 0 < np.abs(found - before).max() < 0.2 * np.abs(before).max()


def test_a_transformer_computes_about_the_same_rounded():
  task = tiny.task()
  model = build(dataclasses.replace(tiny.SPECK, tokens=2), task.head, (tiny.SIDE, tiny.SIDE, 3), seed=1)
  images = RNG.normal(size=(4, tiny.SIDE, tiny.SIDE, 3)).astype(np.float32)
  before, found = infer(model, images), rounded_outputs(model, images)
  assert 0 < np.abs(found - before).max() < 0.2 * np.abs(before).max()


def test_wrapped_layers_are_rounded_under_their_mask():
  trainer = tiny.trainer(tiny.SPECK, reactivation='masked')
  trainer.prune(0.8, final=True)
  images = next(tiny.batches(trainer))[0]
  wrapped = rounded_outputs(trainer.model, images)
  plain = build(tiny.SPECK, trainer.task.head, (tiny.SIDE, tiny.SIDE, 3))
  values = trainer.values()
  for name, variable in named_variables(plain).items():
    variable.assign(values[name])
  assert np.array_equal(wrapped, rounded_outputs(plain, images)) and not np.array_equal(wrapped, infer(plain, images))

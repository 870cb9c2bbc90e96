"""What goes into a file says what the network says, and ends where sparse inference may end."""

import dataclasses

import numpy as np
import pytest
import tf_keras as keras

from st_tf.arch.presets import PRESETS
from st_tf.arch.specs import HeadSpec
from st_tf.models.graph import build_graph, graph_of
from st_tf.models.map_head import with_map_head
from st_tf.task import Normalisation
from tests import networks, tiny
from tests.graphs import random_network
from tflite.deployment import deployment, reading_units
from tflite.file.encode import encode
from tflite.file.flat import read
from tflite.file.sparse_rules import diagnose

RNG = np.random.default_rng(0)
SOME = Normalisation((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))


def images(side: int) -> np.ndarray:
  return np.random.default_rng(1).normal(size=(2, side, side, 3)).astype(np.float32)


def test_a_classifier_is_said_as_it_is():
  model = random_network(tiny.ARCH, HeadSpec('classification', 3), 8)
  network = deployment(model)
  expected = model(images(8), training=False).numpy()
  assert network.repeats == 1 and network.repeated(expected) is expected and network.single(expected) is expected
  np.testing.assert_allclose(network.function(images(8)).numpy(), expected, atol=1e-5 * np.abs(expected).max())
  assert 'norms folded' in network.note and all(kernel.ndim > 1 for kernel in network.kernels)


def test_a_map_comes_with_each_pixel_four_times():
  model = random_network(tiny.ARCH, HeadSpec('dense', 3), 8)
  network = deployment(model)
  expected = model(images(8), training=False).numpy()
  found = network.function(images(8)).numpy()
  assert network.repeats == 2 and found.shape == (2, 2 * expected.shape[1], 2 * expected.shape[2], 3)
  assert 'comes four times' in network.note and network.kernels[-1].shape[-1] == 3
  np.testing.assert_allclose(found, network.repeated(expected), atol=1e-5 * np.abs(expected).max())
  np.testing.assert_allclose(network.single(found), expected, atol=1e-5 * np.abs(expected).max())


def executed_sparsely(model) -> None:
  content = encode(reading_units(deployment(model).function, SOME), (64, 64, 3), sparse=True)
  diagnosis = diagnose(read(content, 'x'))
  inside, every = diagnosis.operations
  assert diagnosis.sparse and inside == every and not diagnosis.findings


@pytest.mark.slow
def test_the_mobile_preset_would_be_executed_sparsely(mobile_network):
  executed_sparsely(mobile_network)


def test_a_map_by_the_mobile_preset_s_first_two_stages_would_be_executed_sparsely():
  mobile = PRESETS['mobile']
  arch = dataclasses.replace(mobile, stages=mobile.stages[:2], head_channels=mobile.head_channels[:2])
  executed_sparsely(random_network(arch, HeadSpec('dense', 5), 64, 0.9))


@pytest.mark.slow
def test_a_map_by_the_whole_mobile_preset_would_be_executed_sparsely():
  executed_sparsely(random_network(PRESETS['mobile'], HeadSpec('dense', 5), 64, 0.9))


def test_a_map_by_a_trained_network_would_be_executed_sparsely():
  graph = with_map_head(graph_of(networks.strided((64, 64))), 5)
  model = build_graph(graph)
  for layer in networks.stirred(model, RNG).layers:
    if isinstance(layer, keras.layers.Conv2D) and layer.kernel_size == (1, 1):
      layer.kernel.assign(np.where(RNG.random(layer.kernel.shape) < 0.9, 0, layer.kernel))
  network = deployment(model)
  expected = model(images(64), training=False).numpy()
  np.testing.assert_allclose(network.single(network.function(images(64)).numpy()), expected, atol=1e-5 * np.abs(expected).max())
  executed_sparsely(model)


def test_a_network_with_a_layer_of_its_own_goes_in_as_it_stands():
  model = random_network(dataclasses.replace(tiny.SPECK, tokens=2), HeadSpec('classification', 3), 8)
  network = deployment(model)
  assert network.note.startswith('as trained. A deployment graph consists of') and network.variables and network.repeats == 1
  np.testing.assert_array_equal(network.function(images(8)).numpy(), model(images(8), training=False).numpy())


def test_pixels_from_0_to_1_are_normalised_in_the_file():
  normalise = reading_units(lambda image: image, SOME)
  np.testing.assert_allclose(normalise(SOME.to_units(images(4))), images(4), atol=1e-6)

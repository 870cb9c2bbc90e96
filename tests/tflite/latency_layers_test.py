"""Layers of a graph are measured at what is left of them, alike ones once, as they would be executed sparsely."""

import json

import numpy as np
import pytest
import tf_keras as keras

from st_tf.errors import UserError
from st_tf.models import cost, padding
from st_tf.models.graph import build_graph, graph_of
from st_tf.search import prices
from st_tf.search.analysis import analyse
from tflite.deployment import deployment
from tflite.file.encode import encode
from tflite.file.flat import read
from tflite.file.sparse_rules import diagnose
from tflite.latency_graphs import COPIES, Meter
from tflite.latency_layers import Layers, harness
from tflite.runtimes.measured import Measured

layers = keras.layers


@pytest.fixture(scope='module')
def graph():
  """Two alike inverted residuals of 8 channels at 8x8, and a head."""
  image = keras.Input((16, 16, 3), name='image')
  x = layers.ReLU(6.0)(layers.Conv2D(8, 3, 2, 'same', use_bias=False, name='stem')(image))
  for index in range(2):
    y = layers.ReLU(6.0)(layers.BatchNormalization()(layers.Conv2D(16, 1, use_bias=False, name=f'expand{index}')(x)))
    y = layers.ReLU(6.0)(layers.DepthwiseConv2D(3, padding='same', use_bias=False, name=f'deep{index}')(y))
    x = layers.Add()([x, layers.Conv2D(8, 1, use_bias=False, name=f'project{index}')(y)])
  x = layers.ReLU(6.0)(layers.DepthwiseConv2D(3, 2, 'same', use_bias=False, name='down')(layers.Conv2D(12, 1, name='up')(x)))
  x = layers.Conv2D(10, 1, name='last')(x)
  found = padding.symmetric(graph_of(keras.Model(image, layers.Dense(3, name='answers')(layers.GlobalAveragePooling2D()(x)))), {})
  return found.graph


def counting(contents, images, rounds):
  """A runtime on which a file takes as many milliseconds as it has kilobytes."""
  return [Measured(np.zeros(1), (len(content) / 1000,)) for content in contents]


def made_of(graph, measure=counting, density=1.0):
  return Layers(graph, (0.5, 1.0), Meter(measure, density, density < 1 / 3, '', 3))


def test_layers_that_are_alike_are_measured_once_at_the_macs_that_are_left(graph):
  entries = made_of(graph).entries()
  macs, half = prices.layer_macs(analyse(graph)), 8 * 8 * 8 * 8
  assert [entry['layers'] for entry in entries] == [
    ['expand0', 'expand1'],
    ['deep0', 'deep1'],
    ['project0', 'project1'],
    ['up'],
    ['down'],
    ['last'],
    ['answers'],
  ]
  assert all(entry['macs'][-1] == macs[layer] for entry in entries for layer in entry['layers'])
  assert entries[0]['macs'] == [half, 2 * half]
  assert entries[5]['macs'] == [macs['last'] // 4, macs['last']]  # Both what it reads and what it makes are halved.
  assert json.loads(json.dumps(entries)) == entries


def test_a_layer_has_its_padding_and_the_activation_behind_its_norm(graph):
  found = {entry['layers'][0]: entry['operation']['at'][-1] for entry in made_of(graph).entries()}
  assert found['expand0']['activation'][0] == 'ReLU' and not found['project0']['activation'] and not found['up']['activation']
  assert found['down']['pads'] == [[1, 1], [1, 1]] and found['down']['reads'] == [8, 8, 12] and found['down']['writes'] == [4, 4, 12]
  assert found['answers']['reads'] == [10]


@pytest.mark.parametrize('layer', ['expand0', 'down', 'answers'])
def test_a_harness_is_a_stem_and_copies_of_the_layer(graph, layer):
  entry = next(entry for entry in made_of(graph).entries() if layer in entry['layers'])
  one, many = (cost.of(build_graph(harness(entry['operation']['at'][0], copies))).macs for copies in (1, 3))
  assert many - one == 2 * entry['macs'][0]


@pytest.mark.parametrize('layer', ['expand0', 'last'])
def test_a_harness_would_be_executed_sparsely(graph, layer):
  found = []
  work = made_of(graph, lambda contents, *_: found.extend(contents) or counting(contents, None, 1), 0.1)
  work.times(next(entry for entry in work.entries() if layer in entry['layers']))
  assert len(found) == 4
  for content in found:
    # So small a kernel may have too many weights by chance; nothing else prevents it.
    assert not [finding for finding in diagnose(read(content, 'x')).findings if 'are zero' not in finding.what]


def test_a_layer_takes_what_more_copies_of_it_add(graph):
  entry = next(entry for entry in made_of(graph).entries() if 'last' in entry['layers'])
  took = []

  def rising(contents, images, rounds):
    took.append(images.shape)
    return [Measured(np.zeros(1), (milliseconds,)) for milliseconds in (1.0, 1.0 + 4 * 0.5, 2.0, 2.0 + 4 * 0.75)]

  assert COPIES == 5 and made_of(graph, rising).times(entry) == [0.5, 0.75] and took == [(1, 8, 8, 3)]


def test_what_no_unit_carries_is_what_layers_do_not_take_of_the_smallest_network(graph):
  work = made_of(graph, lambda contents, *_: [Measured(np.zeros(1), (time,)) for time in (3.0, 9.0)])
  entries = [{'layers': ['expand0', 'expand1'], 'macs': [4096, 8192], 'milliseconds': [1.0, 4.0]}]
  # One unit of 16 is left: 512 MACs, an eighth of a millisecond each.
  assert work.networks(entries) == (pytest.approx(3.0 - 2 / 8), 9.0)
  assert work.networks([{**entries[0], 'milliseconds': [100.0, 400.0]}])[0] == 0


def test_networks_are_measured_as_they_would_be_exported(graph):
  found = []
  made_of(graph, lambda contents, *_: found.extend(contents) or counting(contents, None, 1)).networks([])
  whole = deployment(build_graph(graph))
  assert len(found) == 2 and len(found[0]) < len(found[1])
  assert len(found[1]) == pytest.approx(len(encode(whole.function, (16, 16, 3))), rel=0.05)


def test_a_layer_that_is_called_twice_takes_twice_as_long():
  image = keras.Input((8, 8, 3), name='image')
  shared = layers.Conv2D(4, 1, name='shared')
  x = layers.Conv2D(4, 1, name='first')(image)
  x = layers.Concatenate()([shared(layers.ReLU()(x)), shared(x)])
  graph = graph_of(keras.Model(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(x))))
  entry = next(entry for entry in made_of(graph).entries() if entry['layers'] == ['shared'])
  times = lambda contents, *_: [Measured(np.zeros(1), (time,)) for time in (1.0, 5.0, 1.0, 9.0)]  # noqa: E731
  assert entry['macs'][-1] == 2 * 64 * 16 and made_of(graph, times).times(entry) == [2.0, 4.0]


def test_layers_of_sequences_are_refused():
  image = keras.Input((8, 8, 3), name='image')
  x = layers.Conv1D(4, 1, name='sequence')(layers.Reshape((64, 3))(image))
  graph = graph_of(keras.Model(image, layers.Dense(2)(layers.GlobalAveragePooling1D()(layers.Conv1D(4, 1, name='second')(x)))))
  with pytest.raises(
    UserError, match=r'read maps \[height, width, channels\] or vectors. Received: sequence \(Conv1D\), which reads .64, 3'
  ):
    made_of(graph).entries()

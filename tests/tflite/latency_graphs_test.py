"""The networks that latencies are read from hold what they should, and would be executed sparsely."""

import numpy as np
import pytest
import tf_keras as keras

from st_tf.arch.presets import PRESETS
from st_tf.arch.specs import HeadSpec
from st_tf.models import build, cost
from st_tf.search import importance
from tests import tiny
from tflite.deploy.emit import emit
from tflite.file.encode import encode
from tflite.file.flat import read
from tflite.file.sparse_rules import diagnose
from tflite.latency_graphs import Meter, Operation, harness, operations, thinned
from tflite.runtimes.measured import Measured

HEAD = HeadSpec('classification', 3)
OPERATION = Operation(kernel=3, stride=2, in_channels=4, units=8, out_channels=6, height=8, width=8)


def test_operations_are_all_groups_of_the_supernet_with_their_macs():
  found = operations(tiny.ARCH, HEAD, tiny.SIDE)
  groups = {group.name: group for group in importance.groups_of(build(tiny.ARCH, HEAD, (tiny.SIDE, tiny.SIDE, 3)), tiny.ARCH, HEAD)}
  assert sorted(name for names in found.values() for name in names) == sorted(groups)
  for operation, names in found.items():
    positions, after = operation.height * operation.width, operation.height * operation.width // operation.stride**2
    macs = positions * operation.in_channels + after * (operation.kernel**2 + operation.out_channels)
    assert {groups[name].macs for name in names} == {operation.units * macs}


def test_operations_that_are_alike_are_one():
  found = operations(PRESETS['tiny'], HeadSpec('classification', 10), 32)
  assert len(found) < sum(map(len, found.values()))
  assert len(
    {(operation.kernel, operation.height, operation.in_channels, operation.out_channels, operation.stride) for operation in found}
  ) == len(found)


@pytest.mark.parametrize('copies', [1, 3])
@pytest.mark.parametrize('stride', [1, 2])
def test_a_harness_is_a_stem_the_copies_and_a_mean(copies, stride):
  operation = Operation(5, stride, 4, 8, 6, 8, 8)
  graph = harness(operation, copies, 'relu6', 1.0)
  assert [node.op for node in graph.nodes if node.op not in ('act', 'add')] == [
    'image',
    'conv',
    *['conv', 'depthwise', 'conv'] * copies,
    'mean',
  ]
  assert graph['0/project'].shape == (8 // stride, 8 // stride, 6)
  assert emit(graph)(np.zeros((1, 16, 16, 3), np.float32)).shape == (1, 6)


def test_a_harness_would_be_executed_sparsely():
  for copies in (1, 5):
    graph = harness(Operation(5, 1, 16, 32, 24, 16, 16), copies, 'relu6', 0.1)
    assert diagnose(read(encode(emit(graph), (32, 32, 3), sparse=True), 'harness')).sparse


def counting(contents, images, rounds):
  """A runtime on which a file takes as many milliseconds as it has kilobytes."""
  assert rounds == 9 and images.shape[0] == 1
  return [Measured(np.zeros(1), (len(content) / 1000,)) for content in contents]


def test_an_operation_takes_what_more_copies_of_it_add():
  times = Meter(counting, 1.0, False, 'relu', 9).times(OPERATION, [8, 400])
  weights = 400 * (4 + 9 + 6) * 4 / 1000
  assert times[1] == pytest.approx(weights, rel=0.2)
  assert 0 < times[0] < times[1] / 5


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['classification', 'dense'])
def test_networks_with_either_head_are_measured_as_they_would_be_executed(kind):
  found = []

  def looking(contents, images, rounds):
    found.extend(diagnose(read(content, 'network')) for content in contents)
    return [Measured(np.zeros(1), (1.0,)) for _ in contents]

  Meter(looking, 0.1, True, 'relu6', 9).networks(PRESETS['mobile'], HeadSpec(kind, 5), 64)
  assert len(found) == 2 and all(diagnosis.sparse and len(set(diagnosis.operations)) == 1 for diagnosis in found)


def test_a_network_without_units_is_less_than_the_whole():
  model = build(tiny.ARCH, HEAD, (tiny.SIDE, tiny.SIDE, 3))
  base, whole = Meter(counting, 1.0, False, 'relu', 9).networks(tiny.ARCH, HEAD, tiny.SIDE)
  assert 0 < base < whole
  assert whole - base > 0.5 * 4 * (cost.of(model).params / 1000) * 0.5


def test_thinning_leaves_each_channel_a_weight():
  image = keras.Input((4, 4, 8))
  x = keras.layers.Conv2D(20, 1, use_bias=False, name='few')(image)
  model = keras.Model(image, keras.layers.Conv2D(64, 1, use_bias=False, name='many')(keras.layers.Conv2D(64, 1, use_bias=False)(x)))
  thinned(model, 0.1)
  for layer in model.layers[1:]:
    kernel = layer.kernel.numpy()[0, 0]
    assert kernel.any(0).all() and kernel.any(1).all()
  assert 0.09 < np.count_nonzero(model.get_layer('many').kernel) / 64**2 < 0.13


def test_thinning_leaves_what_is_no_convolution():
  vector = keras.Input((1,))
  model = keras.Model(vector, keras.layers.Dense(1)(keras.layers.Dense(1)(vector)))
  before = [value.copy() for value in model.get_weights()]
  thinned(model, 0.1)
  for ours, expected in zip(model.get_weights(), before):
    np.testing.assert_array_equal(ours, expected)

"""Units that change nothing go, with what they leave behind; the others stay."""

import numpy as np
import pytest

from tests.graphs import SIDE, act, add, conv, depthwise, graph, image, ops, same
from tflite.deploy.fold import fold_affines
from tflite.deploy.graph import Node
from tflite.deploy.units import remove_units

RNG = np.random.default_rng(0)


def block(expand=None, middle=None, project=None, biases=(0.0, 0.0), kind='relu', skip=True):
  """image -> expand to 4 units -> depthwise -> project to 3, beside the image."""
  nodes = [
    conv('expand', 'image', _part(expand, (3, 4)), np.full(4, biases[0])),
    act('a', 'expand', 4, kind),
    depthwise('middle', 'a', _part(middle, (3, 3, 4)), np.full(4, biases[1])),
    act('b', 'middle', 4, kind),
    conv('project', 'b', _part(project, (4, 3)), [0.1, 0.2, 0.3]),
  ]
  return graph(image(), *nodes, *([add('sum', ('image', 'project'), 3)] if skip else []))


def _part(zeroed, shape):
  """Random numbers, some of them zero: an index, or everything."""
  value = RNG.normal(size=shape)
  if zeroed is not None:
    value[zeroed] = 0
  return value


def units(network) -> int:
  return network['expand'].shape[-1]


@pytest.mark.parametrize(
  ('settings', 'left'),
  [
    ({}, 4),
    ({'project': 1}, 3),
    ({'project': [0, 2], 'biases': (1.0, 1.0)}, 2),
    # Always zero before the depthwise convolution, which then says its bias.
    ({'expand': (slice(None), 1), 'biases': (-1.0, 0.7)}, 3),
    ({'middle': (slice(None), slice(None), [1, 3]), 'biases': (1.0, 0.7)}, 2),
    # Not zero there: the border of the image sees less of it, so it is no constant.
    ({'expand': (slice(None), 1), 'biases': (1.0, 0.7)}, 4),
    ({'expand': (slice(None), 1), 'biases': (0.0, 0.7), 'kind': 'hard_swish'}, 3),
  ],
)
def test_a_dead_unit_goes_and_its_constant_stays(settings, left):
  before = block(**settings)
  after = remove_units(before)
  assert units(after) == left and after['middle']['kernel'].shape[-1] == left and after['project']['kernel'].shape[2] == left
  same(before, after)


def test_a_summand_without_units_goes_and_its_constant_stays():
  before = block(middle=slice(None), biases=(1.0, 0.7))
  after = remove_units(before)
  assert ops(after) == ['affine'] and ops(fold_affines(after)) == ['depthwise']
  same(before, after)
  same(before, fold_affines(after))


def test_a_summand_that_says_nothing_leaves_nothing():
  nodes = [conv('a', 'image', np.zeros((3, 4))), conv('b', 'a', RNG.normal(size=(4, 3))), act('c', 'image', 3), add('d', ('b', 'c'), 3)]
  assert ops(remove_units(graph(image(), *nodes))) == ['act']


def test_one_of_three_summands_goes():
  nodes = [
    conv('a', 'image', np.zeros((3, 4)), np.ones(4)),
    conv('b', 'a', RNG.normal(size=(4, 3))),
    conv('c', 'image', RNG.normal(size=(3, 3))),
    add('d', ('b', 'c', 'image'), 3),
  ]
  before = graph(image(), *nodes)
  after = fold_affines(remove_units(before))
  assert ops(after) == ['conv', 'add']
  same(before, after)


def test_a_network_without_other_ways_keeps_a_unit():
  before = block(project=slice(None), skip=False)
  after = remove_units(before)
  assert units(after) == 1
  same(before, after)


def test_units_before_the_final_layer_go_too():
  kernel = _part([1, 2], (4, 5))
  nodes = [conv('last', 'image', _part((slice(None), 0), (3, 4)), RNG.normal(size=4)), act('a', 'last', 4), Node('m', 'mean', ('a',), (4,))]
  dense = Node('dense', 'dense', ('m',), (5,), arrays={'kernel': kernel, 'bias': RNG.normal(size=5)})
  before = graph(image(), *nodes, dense)
  after = remove_units(before)
  assert after['dense']['kernel'].shape == (1, 5)
  same(before, after)


def test_units_that_others_read_as_well_stay():
  nodes = [conv('a', 'image', np.zeros((3, 3))), act('b', 'a', 3), conv('c', 'b', np.zeros((3, 3))), add('d', ('b', 'c'), 3)]
  before = graph(image(), *nodes)
  assert remove_units(before)['a'].shape == (SIDE, SIDE, 3)

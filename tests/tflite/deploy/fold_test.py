"""Scales and shifts melt away, and the function stays."""

import numpy as np
import pytest

from tests.graphs import act, add, affine, conv, depthwise, graph, image, ops, same
from tflite.deploy.fold import fold_affines, shifted

SCALE, SHIFT = [2.0, -1.0, 0.5], [0.3, 0.0, -4.0]
KERNEL = np.arange(1.0, 10).reshape(3, 3) / 9
DEEP = np.arange(1.0, 28).reshape(3, 3, 3) / 27


@pytest.mark.parametrize(
  ('nodes', 'expected'),
  [
    ((conv('a', 'image', KERNEL, [1, 2, 3]), affine('b', 'a', SCALE, SHIFT)), ['conv']),
    ((depthwise('a', 'image', DEEP), affine('b', 'a', SCALE, SHIFT), affine('c', 'b', SHIFT, SCALE)), ['depthwise']),
    # After a sum: each summand is scaled, one takes the shift.
    (
      (conv('a', 'image', KERNEL), conv('b', 'image', KERNEL.T), add('c', ('a', 'b'), 3), affine('d', 'c', SCALE, SHIFT)),
      ['conv', 'conv', 'add'],
    ),
    # A bare shift beside another summand.
    (
      (act('a', 'image', 3), affine('b', 'a', [1, 1, 1], SHIFT), conv('c', 'a', KERNEL), add('d', ('b', 'c'), 3)),
      ['act', 'conv', 'add'],
    ),
    # The same where the other summand is a sum of its own.
    (
      (
        affine('b', 'image', [1, 1, 1], SHIFT),
        conv('c', 'image', KERNEL),
        conv('d', 'image', KERNEL.T),
        add('e', ('c', 'd'), 3),
        add('f', ('b', 'e'), 3),
      ),
      ['conv', 'conv', 'add', 'add'],
    ),
    # Before 1x1 convolutions only.
    (
      (act('a', 'image', 3), affine('b', 'a', SCALE, SHIFT), conv('c', 'b', KERNEL), conv('d', 'b', KERNEL.T), add('e', ('c', 'd'), 3)),
      ['act', 'conv', 'conv', 'add'],
    ),
    # Nowhere to go: a padded convolution reads it, and what it reads has another reader.
    (
      (act('a', 'image', 3), affine('b', 'a', SCALE, SHIFT), depthwise('c', 'b', DEEP), add('d', ('a', 'c'), 3)),
      ['act', 'depthwise', 'depthwise', 'add'],
    ),
    # The convolution before it has another reader.
    ((conv('a', 'image', KERNEL), affine('b', 'a', SCALE, SHIFT), add('c', ('a', 'b'), 3)), ['conv', 'depthwise', 'add']),
  ],
)
def test_an_affine_goes_where_it_can(nodes, expected):
  before = graph(image(), *nodes)
  after = fold_affines(before)
  assert ops(after) == expected
  same(before, after)


def test_a_constant_is_added_to_what_a_node_gives():
  before = graph(image(), conv('a', 'image', KERNEL), act('b', 'a', 3))
  expected = graph(image(), conv('a', 'image', KERNEL, SHIFT), act('b', 'a', 3))
  same(expected, shifted(before, 'a', np.asarray(SHIFT)))
  same(expected, fold_affines(shifted(before, 'a', np.asarray(SHIFT))))

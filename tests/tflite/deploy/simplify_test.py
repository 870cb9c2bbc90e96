"""Rewrites that change the operations and not the function."""

import numpy as np
import pytest

from tests.graphs import SIDE, act, add, conv, depthwise, graph, image, ops, outputs, same
from tflite.deploy.graph import Node
from tflite.deploy.simplify import crop_kernels, repeat_pixels, split_concats, unstride_pointwise

RNG = np.random.default_rng(0)


def test_a_convolution_of_a_concatenation_is_a_sum():
  both = Node('both', 'concat', ('image', 'more'), (SIDE, SIDE, 8))
  before = graph(
    image(), conv('more', 'image', RNG.normal(size=(3, 5))), both, conv('out', 'both', RNG.normal(size=(8, 4)), RNG.normal(size=4))
  )
  after = split_concats(before)
  assert ops(after) == ['conv', 'conv', 'conv', 'add']
  same(before, after)


def test_another_reader_keeps_the_concatenation():
  both = Node('both', 'concat', ('image', 'image'), (SIDE, SIDE, 6))
  before = graph(image(), both, conv('a', 'both', RNG.normal(size=(6, 6))), act('b', 'both', 6), add('c', ('a', 'b'), 6))
  after = split_concats(before)
  assert ops(after) == ['concat', 'conv', 'conv', 'add', 'act', 'add']
  same(before, after)


def test_every_second_pixel_is_taken_by_a_depthwise_convolution():
  before = graph(image(), conv('a', 'image', RNG.normal(size=(3, 4)), RNG.normal(size=4), stride=2))
  after = unstride_pointwise(before)
  assert ops(after) == ['depthwise', 'conv'] and after['a'].is_pointwise and after['a'].shape == before['a'].shape
  same(before, after)


def _ringed(size: int, rings: int, *channels: int) -> np.ndarray:
  kernel = np.zeros((size, size, *channels))
  inner = slice(rings, size - rings)
  kernel[inner, inner] = RNG.normal(size=(size - 2 * rings, size - 2 * rings, *channels))
  return kernel


@pytest.mark.parametrize(
  ('node', 'size'),
  [
    (depthwise('a', 'image', _ringed(7, 1, 3)), 5),
    (depthwise('a', 'image', _ringed(7, 2, 3), stride=2), 3),
    (depthwise('a', 'image', _ringed(5, 2, 3)), 3),
    (depthwise('a', 'image', _ringed(5, 0, 3)), 5),
    (depthwise('a', 'image', _ringed(5, 1, 3), pad=0), 5),
    (conv('a', 'image', _ringed(3, 1, 3, 2)), 1),
    (conv('a', 'image', _ringed(5, 1, 3, 2), stride=2), 3),
  ],
)
def test_rings_of_zeros_are_cropped_with_their_padding(node, size):
  before = graph(image(), node)
  after = crop_kernels(before)
  assert after['a']['kernel'].shape[:2] == (size, size)
  same(before, after)


def test_a_map_ends_with_each_of_its_pixels_four_times():
  before = graph(image(), conv('a', 'image', RNG.normal(size=(3, 5)), RNG.normal(size=5)))
  after = repeat_pixels(before)
  assert ops(after) == ['conv', 'depth_to_space'] and after[after.output].shape == (2 * SIDE, 2 * SIDE, 5)
  np.testing.assert_allclose(outputs(after), outputs(before).repeat(2, 1).repeat(2, 2), atol=1e-6)


def test_another_end_stays():
  ending = graph(image(), conv('a', 'image', RNG.normal(size=(3, 3, 3, 2))))
  assert repeat_pixels(ending) is ending

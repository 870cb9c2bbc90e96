"""Operations by hand; that graphs agree with Keras is in lower_test."""

import numpy as np

from tests.graphs import SIDE, act, add, affine, conv, depthwise, graph, image
from tflite.deploy.emit import emit
from tflite.deploy.graph import Node

ONES = np.ones((1, SIDE, SIDE, 1), np.float32)


def value(*nodes: Node) -> np.ndarray:
  """The graph's output for an image of ones in one channel."""
  return emit(graph(image(1), *nodes))(ONES).numpy()[0]


def test_a_padded_convolution_counts_its_neighbours_symmetrically():
  kernel = np.ones((3, 3, 1, 1))
  assert value(conv('a', 'image', kernel))[0, :3, 0].tolist() == [4, 6, 6]
  assert value(conv('a', 'image', kernel, [0.5], stride=2))[:, 0, 0].tolist() == [4.5, 6.5, 6.5]
  assert value(conv('a', 'image', kernel, pad=0)).shape == (SIDE - 2, SIDE - 2, 1)
  assert value(depthwise('a', 'image', kernel[..., 0], stride=2))[0, :, 0].tolist() == [4, 6, 6]


def test_sums_activations_and_affines_are_what_their_names_say():
  assert value(affine('a', 'image', [3.0], [-5.0])).max() == -2
  assert value(affine('a', 'image', [3.0], [-5.0]), act('b', 'a', 1)).max() == 0
  assert value(affine('a', 'image', [3.0], [5.0]), act('b', 'a', 1, 'relu6')).min() == 6
  assert value(add('a', ('image', 'image', 'image'), 1)).min() == 3


def test_means_concatenations_and_dense_layers():
  both = Node('both', 'concat', ('image', 'image'), (SIDE, SIDE, 2))
  mean = Node('mean', 'mean', ('both',), (2,))
  dense = Node('dense', 'dense', ('mean',), (1,), arrays={'kernel': np.asarray([[2.0], [3.0]]), 'bias': np.asarray([0.5])})
  assert value(both).shape == (SIDE, SIDE, 2)
  assert value(both, mean, dense).tolist() == [5.5]

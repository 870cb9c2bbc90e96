"""What the channels of a network say on some pictures: how much, and how much of it others say too."""

from collections.abc import Iterable, Mapping
import dataclasses
import math

import numpy as np
import tensorflow as tf
import tf_keras as keras

from st_tf.arch.graph import Graph
from st_tf.models.variables import layers

MOST = 4096  # Channels of a node whose covariance is taken; of more of them each is taken alone.


@dataclasses.dataclass(frozen=True)
class Moments:
  """Of the channels of a node, over pictures and positions.

  Attributes:
    mean: [channels].
    variance: [channels].
    covariance: [channels, channels]; None where there are more than `MOST`.
  """

  mean: np.ndarray
  variance: np.ndarray
  covariance: np.ndarray | None


def moments(model: keras.Model, graph: Graph, batches: Iterable[tf.Tensor]) -> dict[str, Moments]:
  """The moments of every node that a kernel reads, by its name.

  Args:
    model: of the graph, with or without pruning wrappers.
    graph: its graph.
    batches: images [batch, height, width, 3].

  Raises:
    ValueError: there is no batch.
  """
  outer = {layer.name: wrapper for wrapper, layer in layers(model)}
  names = _read(graph)
  watched = keras.Model(model.inputs, [outer[name].output for name in names])

  @tf.function(autograph=False)
  def sums(images: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
    outputs = watched(images, training=False)
    return [_sums(output) for output in (outputs if len(names) > 1 else [outputs])]

  totals = None
  for images in batches:
    found = [[part.numpy().astype(np.float64) for part in parts] for parts in sums(images)]
    totals = found if totals is None else [[a + b for a, b in zip(*pair)] for pair in zip(totals, found)]
  if totals is None:
    raise ValueError('Units are scored on pictures. Received: no batch of them.')
  return {name: _moments(*total) for name, total in zip(names, totals, strict=True)}


def macs(graph: Graph) -> int:
  """Multiply-accumulates of the moments of one picture, beside those of the network."""
  shapes = (graph[name].shape for name in _read(graph))
  return sum(math.prod(shape) * (shape[-1] if shape[-1] <= MOST else 1) for shape in shapes)


def _read(graph: Graph) -> list[str]:
  """Names of the nodes that kernels read; of layers that are called several times the first call."""
  read = dict.fromkeys(node.inputs[0] for node in graph.nodes if any(name.endswith('kernel') for name in node.weights))
  return [name for name in read if name == graph[name].layer]


def _sums(output: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
  """(count, sum, sum of products or squares) over all but the channels."""
  flat = tf.reshape(tf.cast(output, tf.float32), [-1, output.shape[-1]])  # Of half precision sums would be infinite.
  products = tf.matmul(flat, flat, transpose_a=True) if output.shape[-1] <= MOST else tf.reduce_sum(tf.square(flat), 0)
  return tf.cast(tf.shape(flat)[0], tf.float32), tf.reduce_sum(flat, 0), products


def _moments(count: np.ndarray, total: np.ndarray, products: np.ndarray) -> Moments:
  mean = total / count
  if products.ndim == 1:
    return Moments(mean, np.maximum(products / count - mean**2, 0), None)
  covariance = products / count - np.outer(mean, mean)
  return Moments(mean, np.maximum(np.diag(covariance), 0), covariance)


def deviations(found: Mapping[str, Moments]) -> dict[str, np.ndarray]:
  """Deviation of each channel by the name of its node."""
  return {name: np.sqrt(one.variance) for name, one in found.items()}

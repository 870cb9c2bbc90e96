"""A light head for maps over several strides of any network: what segmentation and keypoints put on a trained one.

The last maps of each stride from 4 on are brought to one width by 1x1 convolutions, coarse ones are enlarged and added to finer
ones (the top-down path of FPN: Lin et al., CVPR 2017), and depthwise and 1x1 convolutions refine the finest. It is made of nothing but
what sparse mobile inference runs; exported, it ends in DEPTH_TO_SPACE as every map does.
"""

from collections.abc import Sequence
import dataclasses
import math
from typing import Any

import tf_keras as keras

from st_tf.arch.graph import INPUT, Graph, Node
from st_tf.arch.specs import SpecError
from st_tf.models.activations import ACTIVATIONS
from st_tf.models.graph import build_graph, graph_of
from st_tf.models.high_resolution import CLASSIFIER, HEAD

WIDTH = 64  # Channels that every stride is brought to at most; else as many as the widest of them has, so that small networks stay small.
FINEST = 4  # The stride of the maps that it gives, where the network has maps of it.
_REFINEMENTS = 2
_KERNEL = 5
_NORMS = ('BatchNormalization', 'SyncBatchNormalization')
_ACTIVATIONS = ('Activation', 'ReLU', 'LeakyReLU', 'ELU', 'PReLU', 'ThresholdedReLU')
# What does not end a block: it only changes the border or the size for what reads it.
_PASSING = ('ZeroPadding2D', 'Cropping2D', 'Dropout', 'CountedDropout', 'SpatialDropout2D')
_INSIDE = ('Multiply', 'Rescaling', 'Concatenate')  # What reads a part of a block: a gate, an activation in steps, a dense block.
_LEAVING = ('Global', 'Flatten', 'Reshape', 'Permute')  # Behind them places are no places any more.


def with_map_head(graph: Graph, outputs: int) -> Graph:
  """A network's maps under a head that answers with maps [height, width, outputs].

  Args:
    graph: a network that images of its size go into; what lies behind its last maps is left out.
    outputs: channels of the answer.

  Raises:
    SpecError: it has no maps.
  """
  chosen = levels(graph)
  model = build_graph(dataclasses.replace(graph, outputs=tuple(node.name for _, node in chosen)))
  return graph_of(keras.Model(model.input, _head([stride for stride, _ in chosen], model.outputs, outputs)))


def levels(graph: Graph) -> list[tuple[int, Node]]:
  """(stride, the last maps of it) that a head stands on, the finest first.

  The finest are of the largest stride up to `FINEST`, or, where all are coarser, of the smallest there is. Where a stride ends in units
  that only the next block reads, what that block begins with counts: the last sum, or the last convolution without an activation.

  Raises:
    SpecError: the graph has no maps.
  """
  image = next(node for node in graph.nodes if node.kind == INPUT)
  maps, found = {image.name}, {}  # Gates are no maps, though they may have the axes of one.
  for node in graph.nodes:
    if len(node.shape) == 3 and not maps.isdisjoint(node.inputs) and not node.kind.startswith(_LEAVING):
      maps.add(node.name)
      if node.kind not in _PASSING:
        found.setdefault(_stride(image.shape, node.shape), []).append(node)
  if not found:
    raise SpecError(
      f'A head for maps stands on maps [height, width, channels]. Received: a network from {image.shape} without any. Choose another'
      ' --supernet.'
    )
  finest = max((stride for stride in found if stride <= FINEST), default=min(found))
  return [(stride, _end(graph, found[stride])) for stride in sorted(found) if stride >= finest]


def _stride(image: Sequence[int], maps: Sequence[int]) -> int:
  """The power of two by which maps are smaller than the image: that whose size, rounded up, is nearest; of several the least."""

  def distance(halvings: int) -> float:
    return sum(abs(math.log(maps[side] / math.ceil(image[side] / 2**halvings))) for side in (0, 1))

  return 2 ** min(range(math.ceil(math.log2(max(image[:2]))) + 1), key=distance)


def _end(graph: Graph, nodes: Sequence[Node]) -> Node:
  """The last of some nodes that ends a block; the last of all where none does."""
  readers: dict[str, list[Node]] = {node.name: [] for node in nodes}
  for other in graph.nodes:
    for name in set(other.inputs) & readers.keys():
      readers[name].append(other)
  for node in reversed(nodes):
    made = node
    while made.kind in (*_NORMS, *_ACTIVATIONS):
      made = graph[made.inputs[0]]
    goes_on = {reader.kind for reader in readers[node.name]} & {*_NORMS, *_ACTIVATIONS, *_INSIDE}
    if made.kind == 'Add' or (_is_linear(made) and node.kind not in _ACTIVATIONS and not goes_on):
      return node
  return nodes[-1]


def _is_linear(node: Node) -> bool:
  return 'kernel' in node.weights and node.config.get('activation') in ('linear', '', None)


def _head(strides: Sequence[int], maps: Sequence[Any], outputs: int) -> Any:
  """Maps of several strides, the finest first -> [batch, height, width, outputs], all of them Keras tensors."""
  x, width = None, min(WIDTH, max(level.shape[-1] for level in maps))
  for stride, level in reversed(list(zip(strides, maps, strict=True))):
    name = f'{HEAD}stride{stride}'
    y = _normed(_pointwise(width, f'{name}/project')(level), f'{name}/project_bn')
    if x is not None:
      x = keras.layers.Resizing(*y.shape[1:3], 'bilinear', name=f'{name}/enlarge')(x)
      y = keras.layers.Add(name=f'{name}/sum')([y, x])
    x = _active(y, f'{name}/act')
  for index in range(_REFINEMENTS):
    name = f'{HEAD}refine{index}'
    y = keras.layers.DepthwiseConv2D(_KERNEL, padding='same', use_bias=False, name=f'{name}/depthwise')(x)
    y = _active(_normed(y, f'{name}/depthwise_bn'), f'{name}/depthwise_act')
    x = _active(_normed(_pointwise(width, f'{name}/mix')(y), f'{name}/mix_bn'), f'{name}/mix_act')
  return keras.layers.Conv2D(outputs, 1, name=CLASSIFIER)(x)


def _pointwise(channels: int, name: str) -> keras.layers.Layer:
  return keras.layers.Conv2D(channels, 1, use_bias=False, name=name)


def _normed(x: Any, name: str) -> Any:
  return keras.layers.BatchNormalization(name=name)(x)


def _active(x: Any, name: str) -> Any:
  return keras.layers.Activation(ACTIVATIONS['relu6'], name=name)(x)

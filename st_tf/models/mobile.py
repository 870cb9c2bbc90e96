"""A genome as a network: its graph under the head of a task, and the genome of a graph that has become narrower."""

from collections.abc import Callable
import functools
from typing import Any

import tf_keras as keras

from st_tf.arch.genome import STEM_KERNEL, Block, Genome, Site, block_name
from st_tf.arch.graph import Graph
from st_tf.models import ends
from st_tf.models.activations import ACTIVATIONS
from st_tf.models.families import under_head

_DROPOUT = 0.2
_STEM_ACTIVATION = 'hard_swish'  # Of the last convolution too, as in MobileNetV3.
_EPSILON, _MOMENTUM = 1e-3, 0.99


@functools.lru_cache(maxsize=8)
def graph(genome: Genome, site: Site) -> Graph:
  """The network of a genome, for images of the site's size and with its head.

  Args:
    genome: which.
    site: where it is built.
  """
  image = keras.Input((*site.image_size, 3), name='image')
  whole = ends.without(under_head(image, _features(image, genome, site), site.head, _DROPOUT), 'Dropout')
  return ends.renamed(whole, ends.of_unnamed(whole) | ends.of_ends(whole, keeps_end=True))


def widths(network: Graph) -> dict[str, int]:
  """Channels of a graph that `graph` has made, or of what is left of it, by the names that a genome narrows them by."""
  made = {node.layer: node.shape[-1] for node in network.nodes if any(name.endswith('kernel') for name in node.weights)}
  ends_of = {'expand': 'hidden', 'project': 'width'}
  found = {}
  for layer, channels in made.items():
    block, _, part = layer.rpartition('/')
    if layer in ('stem/conv', 'last/conv'):
      found[block] = channels
    elif part in ends_of and not block.startswith('head'):
      found[f'{block}/{ends_of[part]}'] = channels
  return found


def _features(image: Any, genome: Genome, site: Site) -> Any:
  x = _normed(_strided(functools.partial(keras.layers.Conv2D, genome.stem), image, STEM_KERNEL, site.strides[0], 'stem/conv'), 'stem')
  x = _active(x, _STEM_ACTIVATION, 'stem')
  for number, place, _, block in genome.blocks():
    x = _block(x, block, site.strides[number + 1] if place == 0 else 1, block_name(number, place))
  x = _normed(_pointwise(x, genome.last, 'last/conv'), 'last')
  return _active(x, _STEM_ACTIVATION, 'last')


def _block(read: Any, block: Block, stride: int, name: str) -> Any:
  x = _active(_normed(_pointwise(read, block.hidden, f'{name}/expand'), f'{name}/expand'), block.activation, f'{name}/expand')
  x = _strided(keras.layers.DepthwiseConv2D, x, block.kernel, stride, f'{name}/depthwise')
  x = _active(_normed(x, f'{name}/depthwise'), block.activation, f'{name}/depthwise')
  x = _gated(x, block, f'{name}/gate') if block.gate else x
  x = _normed(_pointwise(x, block.width, f'{name}/project'), f'{name}/project')
  return keras.layers.Add(name=f'{name}/add')([read, x]) if block.skip else x


def _gated(x: Any, block: Block, name: str) -> Any:
  """Squeeze-and-excite with the piecewise linear sigmoid of MobileNetV3, relu6(x + 3) / 6."""
  y = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f'{name}/pool')(x)
  y = keras.layers.Conv2D(block.squeezed, 1, activation='relu', name=f'{name}/squeeze')(y)
  y = keras.layers.Rescaling(1.0, 3.0, name=f'{name}/above')(keras.layers.Conv2D(block.hidden, 1, name=f'{name}/excite')(y))
  y = keras.layers.Rescaling(1 / 6, name=f'{name}/share')(keras.layers.ReLU(6.0, name=f'{name}/bound')(y))
  return keras.layers.Multiply(name=name)([x, y])


def _strided(convolution: Callable[..., keras.layers.Layer], x: Any, kernel: int, stride: int, name: str) -> Any:
  """A convolution with the same padding on all sides, which phones run sparsely."""
  if stride > 1:
    x = keras.layers.ZeroPadding2D(kernel // 2, name=f'{name}_pad')(x)
  padding = 'valid' if stride > 1 else 'same'
  return convolution(kernel_size=kernel, strides=stride, padding=padding, use_bias=False, name=name)(x)


def _pointwise(x: Any, channels: int, name: str) -> Any:
  return keras.layers.Conv2D(channels, 1, use_bias=False, name=name)(x)


def _normed(x: Any, name: str) -> Any:
  return keras.layers.BatchNormalization(momentum=_MOMENTUM, epsilon=_EPSILON, name=f'{name}_bn' if '/' in name else f'{name}/bn')(x)


def _active(x: Any, activation: str, name: str) -> Any:
  return keras.layers.Activation(ACTIVATIONS[activation], name=f'{name}_act' if '/' in name else f'{name}/act')(x)

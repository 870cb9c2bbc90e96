"""The high-resolution network of HR-NAS (CVPR 2021, section 3.1) as one flat functional graph.

Search blocks are functions that add layers, not composite layers: tfmot's `strip_pruning` reaches only the layers of
the model itself.
"""

from collections.abc import Callable
import math

import tensorflow as tf
import tf_keras as keras

from st_tf.arch.specs import ArchSpec, Block, HeadSpec, SpecError, layout
from st_tf.models.activations import ACTIVATIONS
from st_tf.models.layers import ChannelShift, CountedDropout, GroupedConv2D
from st_tf.models.precision import not_halved
from st_tf.models.transformer import transformer
from st_tf.models.variables import seed_of

Wrap = Callable[[keras.layers.Layer], keras.layers.Layer]
STEM = 'stem'
HEAD = 'head/'  # How names of the head's layers begin.
CLASSIFIER = 'head/classifier'
NAME = 'model'  # Of every network: files have it in them, and Keras would count it up.
SKIP = '/skip'  # How the name of a block's convolution beside its kernels ends.
_DENSE_DEVIATION = 0.01
MAP_DEVIATION = 1e-3  # By fan-out, few outputs would begin far from zero: on heatmaps, training diverges from there.


def build(
  arch: ArchSpec,
  head: HeadSpec,
  input_shape: tuple[int, int, int],
  wrap: Wrap = lambda layer: layer,
  seed: int = 0,
  synchronized: bool = False,
  deviation: float = 0.0,
  first: keras.layers.Layer | None = None,
) -> keras.Model:
  """The network for images of `input_shape`.

  Args:
    arch: what to build.
    head: what the task asks of its end.
    input_shape: (height, width, channels) of one image, in pixels.
    wrap: applied to every convolution and dense layer; it may return the layer itself.
    seed: of the initial weights; each layer's depend on it and on the layer's name only.
    synchronized: whether batch norms share their statistics over replicas.
    deviation: standard deviation of the initial convolution kernels; 0 = He, by fan-out (MnasNet, CVPR 2019).
    first: a layer that images pass before the stem, such as one that normalises them.

  Returns:
    A model from [batch, height, width, channels] to logits: [batch, outputs], or, with a dense head,
    [batch, height / input_stride, width / input_stride, outputs].

  Raises:
    SpecError: the image is too small for the network.
  """
  smallest = min(input_shape[:2]) / (arch.input_stride * 2 ** (len(arch.stages[-1].channels) - 1))
  if smallest < 1:
    raise SpecError(f'The coarsest branch needs at least one pixel. Received: images of {input_shape[0]}x{input_shape[1]}.')
  graph = _Graph(arch, wrap, seed, synchronized, deviation)
  blocks = {block.name: block for block in layout(arch, head)}
  inputs = keras.Input(input_shape, name='image')
  branches = [_stem(graph, first(inputs) if first else inputs)]
  for index, stage in enumerate(arch.stages):
    branches = _fuse(graph, blocks, f'stage{index + 1}/fuse', branches, len(stage.channels))
    for branch, count in enumerate(stage.blocks):
      for i in range(count):
        branches[branch] = search_block(graph, branches[branch], blocks[f'stage{index + 1}/branch{branch}/block{i}'])
  end = _classification if head.kind == 'classification' else _dense
  return keras.Model(inputs, end(graph, blocks, branches, head), name=NAME)


class _Graph:
  """The settings that every layer shares, and the ways to make one."""

  def __init__(self, arch: ArchSpec, wrap: Wrap, seed: int, synchronized: bool, deviation: float):
    self.arch = arch
    self.wrap = wrap
    self.seed = seed
    self.synchronized = synchronized
    self.deviation = deviation

  def seed_of(self, name: str) -> int:
    return seed_of(self.seed, name)

  def conv(
    self, filters: int, name: str, size: int = 1, stride: int = 1, groups: int = 1, bias: bool = False, deviation: float = 0.0
  ) -> keras.layers.Layer:
    """A convolution; the caller pads when the stride is 2. `deviation` is that of its initial kernel; 0 = as all others."""
    return self.wrap(
      (GroupedConv2D if groups > 1 or (size == 1 and stride > 1) else keras.layers.Conv2D)(
        filters,
        size,
        stride,
        padding='same' if stride == 1 else 'valid',
        groups=groups,
        use_bias=bias,
        kernel_initializer=self._initial(name, deviation),
        name=name,
      )
    )

  def depthwise(self, x: tf.Tensor, size: int, stride: int, name: str) -> tf.Tensor:
    layer = keras.layers.DepthwiseConv2D(
      size,
      stride,
      padding='same' if stride == 1 else 'valid',
      use_bias=False,
      depthwise_initializer=self._initial(name),
      name=name,
    )
    return self.wrap(layer)(self.pad(x, size, stride, name))

  def pad(self, x: tf.Tensor, size: int, stride: int, name: str) -> tf.Tensor:
    """Symmetric padding where TensorFlow's 'same' is not: at stride 2 on even sizes."""
    return x if stride == 1 else keras.layers.ZeroPadding2D((size - 1) // 2, name=f'{name}_pad')(x)

  def norm(self, name: str, momentum: float | None = None, epsilon: float | None = None) -> keras.layers.Layer:
    return keras.layers.BatchNormalization(
      momentum=self.arch.bn_momentum if momentum is None else momentum,
      epsilon=self.arch.bn_epsilon if epsilon is None else epsilon,
      synchronized=self.synchronized,
      name=name,
    )

  def act(self, x: tf.Tensor, name: str) -> tf.Tensor:
    return keras.layers.Activation(ACTIVATIONS[self.arch.activation], name=name)(x)

  def add(self, summands: list[tf.Tensor], name: str) -> tf.Tensor:
    return keras.layers.Add(name=name)(summands) if len(summands) > 1 else summands[0]

  def resize(self, x: tf.Tensor, height: int, width: int, name: str, method: str = 'bilinear') -> tf.Tensor:
    if tuple(x.shape[1:3]) == (height, width):
      return x
    return keras.layers.Resizing(height, width, method, name=name)(x)

  def _initial(self, name: str, deviation: float = 0.0) -> keras.initializers.Initializer:
    if self.deviation or deviation:
      return keras.initializers.RandomNormal(0.0, self.deviation or deviation, self.seed_of(name))
    return keras.initializers.VarianceScaling(2.0, 'fan_out', 'untruncated_normal', self.seed_of(name))


def search_block(graph: _Graph, x: tf.Tensor, block: Block) -> tf.Tensor:
  """skip(x) + BN(sum over kernels of project(act(BN(depthwise(act(BN(expand(x)))))))).

  The scales of the batch norm after each depthwise convolution are the importance factors of its units.
  """
  skip = _skip(graph, x, block)
  paths = []
  for size, units in block.spec.kernels:
    name = f'{block.name}/k{size}'
    y = graph.conv(units, f'{name}/expand')(x)
    y = graph.act(graph.norm(f'{name}/expand_bn')(y), f'{name}/expand_act')
    y = graph.depthwise(y, size, block.stride, f'{name}/depthwise')
    y = graph.act(graph.norm(f'{name}/factor_bn')(y), f'{name}/factor_act')
    paths.append(graph.conv(block.out_channels, f'{name}/project')(y))
  if paths:
    y = graph.norm(f'{block.name}/bn')(graph.add(paths, f'{block.name}/sum'))
    return graph.add([skip, y], f'{block.name}/add')
  return skip


def _skip(graph: _Graph, x: tf.Tensor, block: Block) -> tf.Tensor:
  skip = x
  if not block.keeps_shape:
    groups = math.gcd(block.in_channels, block.out_channels)
    skip = graph.conv(block.out_channels, f'{block.name}{SKIP}', stride=block.stride, groups=groups)(x)
  elif block.spec.tokens:
    name = f'{block.name}/transformer'
    skip = transformer(x, block.spec.tokens, name, graph.conv, graph.norm, graph.seed_of(name) % 2**24, graph.synchronized)
  return ChannelShift(name=f'{block.name}/shift')(skip) if block.spec.shift else skip


def _stem(graph: _Graph, x: tf.Tensor) -> tf.Tensor:
  strides = {4: (2, 2), 2: (2, 1), 1: (1, 1)}[graph.arch.input_stride]
  for i, (channels, stride) in enumerate(zip(graph.arch.stem_channels, strides)):
    name = f'{STEM}/conv{i}'
    if i and graph.arch.separable_stem:
      x = graph.depthwise(x, 3, stride, f'{STEM}/depthwise{i}')
      x = graph.act(graph.norm(f'{STEM}/depthwise_bn{i}')(x), f'{STEM}/depthwise_act{i}')
      x = graph.conv(channels, name)(x)
    else:
      x = graph.conv(channels, name, size=3, stride=stride)(graph.pad(x, 3, stride, name))
    x = graph.act(graph.norm(f'{STEM}/bn{i}')(x), f'{STEM}/act{i}')
  return x


def _fuse(graph: _Graph, blocks: dict[str, Block], name: str, before: list[tf.Tensor], n_branches: int) -> list[tf.Tensor]:
  after = []
  for i in range(min(len(before), n_branches)):
    paths = []
    for j in range(max(0, i - 1), min(len(before), i + 2)):
      path = search_block(graph, before[j], blocks[f'{name}/{j}to{i}'])
      if j > i:
        path = _upsample(graph, path, f'{name}/{j}to{i}')
      if paths:
        path = graph.resize(path, *paths[0].shape[1:3], f'{name}/{j}to{i}/fit')
      paths.append(path)
    after.append(graph.act(graph.add(paths, f'{name}/sum{i}'), f'{name}/act{i}'))
  for i in range(len(before), n_branches):
    after.append(search_block(graph, after[i - 1], blocks[f'{name}/{i - 1}to{i}']))
  return after


def _upsample(graph: _Graph, x: tf.Tensor, name: str) -> tf.Tensor:
  if graph.arch.upsampling == 'nearest':
    return keras.layers.UpSampling2D(2, interpolation='nearest', name=f'{name}/up')(x)
  return graph.resize(x, 2 * x.shape[1], 2 * x.shape[2], f'{name}/up')


def _classification(graph: _Graph, blocks: dict[str, Block], branches: list[tf.Tensor], head: HeadSpec) -> tf.Tensor:
  x = search_block(graph, branches[0], blocks['head/increase0'])
  for i, branch in enumerate(branches[1:]):
    increased = search_block(graph, branch, blocks[f'head/increase{i + 1}'])
    down = search_block(graph, x, blocks[f'head/down{i}'])
    x = graph.add([increased, down], f'head/sum{i + 1}')
  x = graph.conv(graph.arch.last_channel, 'head/last')(x)
  x = graph.act(graph.norm('head/last_bn')(x), 'head/last_act')
  x = keras.layers.GlobalAveragePooling2D(name='head/pool')(x)
  x = CountedDropout(graph.arch.dropout, graph.seed_of('head/dropout'), name='head/dropout')(x)
  initializer = keras.initializers.RandomNormal(0.0, _DENSE_DEVIATION, graph.seed_of(CLASSIFIER))
  with not_halved():
    return graph.wrap(keras.layers.Dense(head.outputs, kernel_initializer=initializer, name=CLASSIFIER))(x)


def _dense(graph: _Graph, blocks: dict[str, Block], branches: list[tf.Tensor], head: HeadSpec) -> tf.Tensor:
  height, width = branches[0].shape[1:3]
  resized = [graph.resize(branch, height, width, f'head/resize{i}') for i, branch in enumerate(branches)]
  x = keras.layers.Concatenate(name='head/concat')(resized) if len(resized) > 1 else resized[0]
  x = search_block(graph, x, blocks['head/transform'])
  with not_halved():
    return graph.conv(head.outputs, CLASSIFIER, bias=True, deviation=MAP_DEVIATION)(x)

"""Small Keras networks with every kind of layer that channels go through, drawn at random, and one of their units silenced."""

from typing import Any

import numpy as np
import tf_keras as keras

from st_tf.arch.graph import INPUT, Graph, Node
from st_tf.models.activations import ACTIVATIONS
from st_tf.models.graph import build_graph, read
from st_tf.search.channels import Channels

SHAPE = (12, 12, 3)
_KEEPING = (
  lambda _: keras.layers.BatchNormalization(),
  lambda _: keras.layers.ReLU(6.0),
  lambda _: keras.layers.Activation('swish'),
  lambda _: keras.layers.LeakyReLU(0.1),
  lambda _: keras.layers.PReLU(shared_axes=[1, 2]),
  lambda _: keras.layers.DepthwiseConv2D(3, padding='same', use_bias=False),
  lambda _: keras.layers.DepthwiseConv2D(3, padding='same', depth_multiplier=2),
  lambda channels: keras.layers.Conv2D(channels, 3, padding='same', groups=channels),
  lambda _: keras.layers.AveragePooling2D(3, 1, 'same'),
  lambda _: keras.layers.Dropout(0.2),
)
_MAKING = (
  lambda channels: keras.layers.Conv2D(channels, 1),
  lambda channels: keras.layers.Conv2D(channels, 3, padding='same', activation='relu'),
  lambda channels: keras.layers.SeparableConv2D(channels, 3, padding='same', depth_multiplier=2),
  lambda channels: keras.layers.Conv2DTranspose(channels, 3, padding='same'),
  lambda channels: keras.layers.Dense(channels, activation='gelu'),
)


_THEIRS = {'gamma': 'weight', 'beta': 'bias', 'moving_mean': 'running_mean', 'moving_variance': 'running_var'}
_PARTS = {'expand': '_expand_conv', 'expand_bn': '_bn0', 'depthwise': '_depthwise_conv', 'depthwise_bn': '_bn1', 'project': '_project_conv',
          'project_bn': '_bn2'}  # fmt: skip
_ENDS = {'stem/conv0': '_conv_stem', 'stem/bn0': '_bn0', 'head/last': '_conv_head', 'head/last_bn': '_bn1'}


def drawn(seed: int) -> keras.Model:
  """A network of a dozen layers: chains, skips, concatenations in concatenations, gates, grouped convolutions, one layer called twice."""
  rng = np.random.default_rng(seed)
  image = keras.Input(SHAPE)
  x = keras.layers.Conv2D(6, 3, padding='same')(image)
  for _ in range(rng.integers(5, 9)):
    x = _grown(rng, x)
  flat = rng.random() < 0.5
  x = keras.layers.Flatten()(keras.layers.MaxPooling2D(4)(x)) if flat else keras.layers.GlobalAveragePooling2D()(x)
  return keras.Model(image, keras.layers.Dense(4)(x))


def _grown(rng: np.random.Generator, x: Any) -> Any:
  channels = x.shape[-1]
  way = rng.integers(7)
  if way == 0:
    return _MAKING[rng.integers(len(_MAKING))](int(rng.integers(3, 9)))(x)
  if way == 1:
    return _KEEPING[rng.integers(len(_KEEPING))](channels)(x)
  if way == 2:  # A skip.
    y = keras.layers.Conv2D(channels, 1)(keras.layers.ReLU()(keras.layers.Conv2D(5, 1)(x)))
    return keras.layers.Add()([x, keras.layers.BatchNormalization()(y)])
  if way == 3:  # A concatenation in a concatenation.
    inner = keras.layers.Concatenate()([keras.layers.Conv2D(3, 1)(x), x])
    return keras.layers.Concatenate()([inner, keras.layers.Conv2D(2, 3, padding='same')(inner)])
  if way == 4:  # A gate: squeeze and excite.
    gate = keras.layers.Reshape((1, 1, channels))(keras.layers.GlobalAveragePooling2D()(x))
    gate = keras.layers.Conv2D(channels, 1, activation='sigmoid')(keras.layers.Conv2D(3, 1, activation='relu')(gate))
    return keras.layers.Multiply()([x, gate])
  if way == 5:  # A grouped convolution.
    return keras.layers.Conv2D(8, 3, padding='same', groups=2)(keras.layers.Conv2D(4, 1)(x))
  shared = keras.layers.Conv2D(4, 1)
  return keras.layers.Add()([shared(x), shared(keras.layers.ReLU()(x))])


def stirred(model: keras.Model, rng: np.random.Generator) -> keras.Model:
  """The same with weights that are nowhere what they began as."""
  for variable in model.variables:
    scale = rng.uniform(0.5, 1.5, variable.shape) if variable.name.split('/')[-1].startswith(('gamma', 'moving_var')) else None
    variable.assign(rng.normal(0, 0.4, variable.shape) if scale is None else scale)
  return model


def halved(channels: Channels, residual: bool, rng: np.random.Generator) -> dict[str, np.ndarray]:
  """Booleans per unit by group name, of which half are true, at least one."""
  alive = {}
  for group in channels.searchable(residual):
    alive[group.name] = np.zeros(group.units, bool)
    alive[group.name][rng.choice(group.units, max(group.units // 2, 1), replace=False)] = True
  return alive


def silence(model: keras.Model, channels: Channels, alive: dict[str, np.ndarray]) -> None:
  """Zeroes what reads the units that are not alive."""
  _, variables = read(model)
  living = channels.living(alive)
  for kernel in channels.kernels:
    if kernel.reads is not None:
      value = np.moveaxis(variables[kernel.name].numpy(), kernel.reads, 0)
      value[~living[kernel.axes[kernel.reads]]] = 0
      variables[kernel.name].assign(np.moveaxis(value, 0, kernel.reads))


def shrunk(model: keras.Model, channels: Channels, alive: dict[str, np.ndarray]) -> keras.Model:
  """The model without the units that are not alive."""
  smaller = build_graph(channels.shrunk(alive))
  _, before = read(model)
  cuts = channels.slices(alive)
  for name, variable in read(smaller)[1].items():
    value = before[name].numpy()
    for axis, indices in cuts.get(name, ()):
      value = np.take(value, indices, axis)
    variable.assign(value)
  return smaller


def residual(side: int, blocks: int = 2, outputs: int = 5) -> keras.Model:
  """A small classifier of inverted residuals with stirred weights."""
  image = keras.Input((side, side, 3), name='image')
  x = keras.layers.ReLU(6.0)(keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3, padding='same', use_bias=False)(image)))
  for index in range(blocks):
    y = keras.layers.ReLU(6.0)(keras.layers.BatchNormalization()(keras.layers.Conv2D(16, 1, use_bias=False, name=f'expand{index}')(x)))
    y = keras.layers.ReLU(6.0)(keras.layers.BatchNormalization()(keras.layers.DepthwiseConv2D(3, padding='same', use_bias=False)(y)))
    x = keras.layers.Add()([x, keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 1, use_bias=False)(y))])
  x = keras.layers.ReLU(6.0, name='relu_maps')(keras.layers.Conv2D(8, 1, name='maps')(x))
  model = keras.Model(image, keras.layers.Dense(outputs, 'softmax')(keras.layers.GlobalAveragePooling2D()(x)))
  return stirred(model, np.random.default_rng(0))


def published(graph):
  """Arrays for an EfficientNet-Lite as they are published, by their names, of random numbers."""
  rng, tensors = np.random.default_rng(0), {}
  for node in graph.nodes:
    block, _, part = node.layer.partition('/')
    name = _ENDS.get(node.layer) or (f'_blocks.{block.removeprefix("block")}.{_PARTS[part]}' if part in _PARTS else '')
    for variable, shape in node.weights.items() if name else ():
      if variable in _THEIRS:
        tensors[f'{name}.{_THEIRS[variable]}'] = (
          rng.uniform(0.5, 1.5, shape) if variable in ('gamma', 'moving_variance') else rng.normal(0, 0.1, shape)
        )
      else:
        height, width, inputs, outputs = shape
        order = (outputs, inputs, height, width) if variable == 'kernel' else (inputs, outputs, height, width)
        tensors[f'{name}.weight'] = rng.normal(0, 0.1, order)
  return {name: value.astype(np.float32) for name, value in tensors.items()}


def conv(name, reads, inputs, outputs, size=1, side=4, **config):
  weights = {'kernel': (size, size, inputs // config.get('groups', 1), outputs)}
  return Node(name, 'Conv2D', {'filters': outputs, 'groups': 1, **config}, (reads,), (side, side, outputs), weights)


def node(name, kind, reads, channels, side=4, weights=(), **config):
  return Node(name, kind, config, reads, (side, side, channels), {weight: (channels,) for weight in weights})


def image(channels=3, side=4):
  return Node('image', INPUT, {}, (), (side, side, channels))


def inverted(residual=True):
  """A pointwise expansion, a depthwise convolution and a projection onto the skip."""
  depthwise = Node('depthwise', 'DepthwiseConv2D', {}, ('expand_bn',), (4, 4, 12), {'depthwise_kernel': (3, 3, 12, 1)})
  nodes = [
    image(),
    conv('stem', 'image', 3, 4),
    conv('expand', 'stem', 4, 12),
    node('expand_bn', 'BatchNormalization', ('expand',), 12, weights=('gamma', 'beta'), axis=[3]),
    depthwise,
    conv('project', 'depthwise', 12, 4),
  ]
  return Graph((*nodes, node('sum', 'Add', ('stem', 'project'), 4)) if residual else tuple(nodes), ('sum' if residual else 'project',))


def published_millions(name: str) -> float:
  """Millions of parameters of a family's network for ImageNet's 1,000 classes, as they are published: to one decimal place."""
  from st_tf.arch.specs import HeadSpec
  from st_tf.models import families

  graph = families.supernet(name, HeadSpec('classification', 1000), (64, 64))
  counted = (
    np.prod(shape) for node in graph.nodes for variable, shape in node.weights.items() if not variable.startswith(('moving', 'calls'))
  )
  return round(float(sum(counted)) / 1e6, 1)


def strided(size: tuple[int, int] = (32, 32), strides: int = 4, outputs: int = 5) -> keras.Model:
  """A small mobile classifier that halves its maps `strides` times, all of it run sparsely; after each a block with a skip."""

  def normed(x: Any, name: str, active: bool = True) -> Any:
    x = keras.layers.BatchNormalization(name=f'{name}_bn')(x)
    return keras.layers.Activation(ACTIVATIONS['relu6'], name=f'{name}_act')(x) if active else x

  def block(x: Any, channels: int, stride: int, name: str) -> Any:
    y = normed(keras.layers.Conv2D(12, 1, use_bias=False, name=f'{name}/expand')(x), f'{name}/expand')
    y = keras.layers.ZeroPadding2D(1, name=f'{name}/pad')(y)
    y = normed(keras.layers.DepthwiseConv2D(3, stride, use_bias=False, name=f'{name}/depthwise')(y), f'{name}/depthwise')
    y = normed(keras.layers.Conv2D(channels, 1, use_bias=False, name=f'{name}/project')(y), f'{name}/project', active=False)
    return keras.layers.Add(name=f'{name}/add')([x, y]) if stride == 1 else y

  image = keras.Input((*size, 3), name='image')
  x = keras.layers.Conv2D(6, 3, 2, use_bias=False, name='first')(keras.layers.ZeroPadding2D(1, name='first_pad')(image))
  x = normed(x, 'first')
  for index in range(1, strides):
    x = block(block(x, 4 + 2 * index, 2, f'down{index}'), 4 + 2 * index, 1, f'keep{index}')
  x = normed(keras.layers.Conv2D(24, 1, use_bias=False, name='last')(x), 'last')
  return keras.Model(image, keras.layers.Dense(outputs, name='answers')(keras.layers.GlobalAveragePooling2D(name='pool')(x)))

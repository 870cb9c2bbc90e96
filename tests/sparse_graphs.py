"""Twenty small networks, half of which run sparsely: what the doctor is measured on.

Each is (name, whether it runs sparsely, function from no arguments to a Keras model, kept share of the 1x1 weights).
"""

from collections.abc import Callable, Iterator
import dataclasses
import itertools

import numpy as np
import tensorflow as tf
import tf_keras as keras

SIDE = 112
WIDTH = 96
layers = keras.layers


@dataclasses.dataclass(frozen=True)
class Case:
  """A network and what is known of it.

  Attributes:
    name: what it is an example of.
    sparse: whether it runs sparsely.
    build: makes it.
    kept: share of its 1x1 weights that is not zero.
    stored_sparsely: how its file is made.
  """

  name: str
  sparse: bool
  build: Callable[[], keras.Model]
  kept: float = 0.1
  stored_sparsely: bool = True


def _start(pad: bool = True) -> tuple:
  image = keras.Input((SIDE, SIDE, 3))
  if pad:
    return image, layers.Conv2D(32, 3, 2, 'valid', activation='relu')(layers.ZeroPadding2D(1)(image))
  return image, layers.Conv2D(32, 3, 2, 'same', activation='relu')(image)


def _pointwise(x, channels: int = WIDTH):
  return layers.Conv2D(channels, 1, activation='relu')(x)


def _end(image, x) -> keras.Model:
  return keras.Model(image, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def _network(middle: Callable, pad: bool = True) -> Callable[[], keras.Model]:
  def build() -> keras.Model:
    image, x = _start(pad)
    return _end(image, _pointwise(middle(_pointwise(x))))

  return build


def _depthwise(size: int, stride: int = 1, symmetric: bool = True) -> Callable:
  def apply(x):
    if stride == 1:
      return layers.DepthwiseConv2D(size, 1, 'same', activation='relu')(x)
    if symmetric:
      return layers.DepthwiseConv2D(size, stride, 'valid', activation='relu')(layers.ZeroPadding2D((size - 1) // 2)(x))
    return layers.DepthwiseConv2D(size, stride, 'same', activation='relu')(x)

  return apply


def _hard_swish(x):
  return layers.Activation(lambda y: y * tf.nn.relu6(y + 3.0) * (1 / 6))(layers.Conv2D(WIDTH, 1)(x))


def _residual(x):
  return layers.Add()([x, _pointwise(_depthwise(3)(x))])


def _two_resolutions(x):
  small = _pointwise(_depthwise(3, 2)(x))
  return layers.Add()([x, layers.Resizing(*x.shape[1:3], 'bilinear')(small)])


def _nearest(x):
  small = _pointwise(_depthwise(3, 2)(x))
  return layers.Add()([x, layers.UpSampling2D(2, interpolation='nearest')(small)])


def _split(x):
  return layers.Concatenate()([_depthwise(3)(x[..., : WIDTH // 2]), _depthwise(5)(x[..., WIDTH // 2 :])])


def _concat(x):
  return layers.Concatenate()([_pointwise(x, WIDTH // 2), _pointwise(_depthwise(3)(x), WIDTH // 2)])


def _depth_to_space() -> keras.Model:
  image, x = _start()
  x = _pointwise(_depthwise(3)(_pointwise(x)))
  return keras.Model(image, layers.Lambda(lambda y: tf.nn.depth_to_space(y, 2))(layers.Conv2D(16, 1)(x)))


def _open_end() -> keras.Model:
  image, x = _start()
  return keras.Model(image, layers.Conv2D(10, 1)(_pointwise(_pointwise(x))))


def _no_start() -> keras.Model:
  image = keras.Input((SIDE, SIDE, 32))
  return _end(image, _pointwise(_pointwise(image)))


CASES = (
  Case('1x1 convolutions', True, _network(lambda x: x)),
  Case('3x3 depthwise', True, _network(_depthwise(3))),
  Case('5x5 depthwise', True, _network(_depthwise(5))),
  Case('stride 2, padded symmetrically', True, _network(_depthwise(3, 2))),
  Case('residual', True, _network(_residual)),
  Case('parallel 3x3 and 5x5', True, _network(lambda x: layers.Add()([_depthwise(3)(x), _depthwise(5)(x)]))),
  Case('hard swish', True, _network(_hard_swish)),
  Case('bilinear resize', True, _network(_two_resolutions)),
  Case('depth to space', True, _depth_to_space),
  Case('80% zeros', True, _network(_depthwise(3)), kept=0.2),
  Case('stored dense', False, _network(_depthwise(3)), stored_sparsely=False),
  Case('half of the weights', False, _network(_depthwise(3)), kept=0.5),
  Case('first convolution padded as SAME', False, _network(_depthwise(3), pad=False)),
  Case('7x7 depthwise', False, _network(_depthwise(7))),
  Case('stride 2, padded as SAME', False, _network(_depthwise(3, 2, symmetric=False))),
  Case('nearest resize', False, _network(_nearest)),
  Case('split', False, _network(_split)),
  Case('concatenation', False, _network(_concat)),
  Case('no mean at the end', False, _open_end),
  Case('no first convolution', False, _no_start),
)


def files(case: Case) -> Iterator[bytes]:
  """The case's own file, and the same weights stored the other way."""
  from tflite.file.encode import encode

  model = case.build()
  rng = np.random.default_rng(0)
  for layer in model.layers:
    values = [rng.normal(size=value.shape) * np.sqrt(2 / max(np.prod(value.shape[:-1]), 1)) for value in layer.get_weights()]
    if isinstance(layer, layers.Conv2D) and layer.kernel_size == (1, 1):
      values[0] *= rng.random(values[0].shape) < case.kept
    layer.set_weights(values)
  for sparse in itertools.islice((case.stored_sparsely, not case.stored_sparsely), 2):
    yield encode(lambda image: model(image, training=False), model.input_shape[1:], sparse=sparse, variables=model.variables)

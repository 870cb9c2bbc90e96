"""What is asked of each family that is one of tf_keras.applications: the network, files and pixels of Keras itself."""

from collections.abc import Callable
import pathlib
from typing import Any

import numpy as np
import tf_keras as keras

from st_tf.arch.specs import HeadSpec
from st_tf.models import families, starts
from st_tf.models.graph import build_graph, read
from tests.networks import stirred

HEAD = HeadSpec('classification', 3)
_SIDE = 64


def pixels_are_those_of(name: str, preprocess: Callable[[np.ndarray], np.ndarray], turned: bool = False) -> None:
  """Images in [0, 1] under a family's mean and deviation are what Keras makes of their bytes, up to the order of the channels."""
  family = families.named(name)
  images = np.random.default_rng(0).random((2, 5, 7, 3))
  wanted = preprocess(images * 255)
  np.testing.assert_allclose((images - family.mean) / family.deviation, wanted[..., ::-1] if turned else wanted, atol=1e-4)


def is_that_of_keras(
  name: str, build: Callable[..., keras.Model], folder: pathlib.Path, monkeypatch: Any, preprocess=None, side=_SIDE
) -> None:
  """The product's network with weights that Keras has written gives Keras's own maps, and Keras asks for the files that the family names.

  Args:
    name: of the family.
    build: its function in tf_keras.applications.
    folder: to write into.
    monkeypatch: the fixture.
    preprocess: what Keras does to bytes before the network; None = nothing.
    side: of the images, in pixels.
  """
  asked = []
  with monkeypatch.context() as patched:
    patched.setattr('tf_keras.src.utils.data_utils.get_file', lambda *args, **named: asked.append((args, named.get('file_hash'))))
    patched.setattr(keras.Model, 'load_weights', lambda *args: None)
    model = stirred_in_scale(build(weights='imagenet', include_top=False, input_shape=(side, side, 3)))
  wanted = families.named(name).published((side, side))
  ((file, address), digest), *_ = asked
  assert (wanted.file, f'{wanted.address}/{wanted.file}', wanted.digest or None) == (file, address, digest)
  model.save_weights(folder / wanted.file)
  assert_same_maps(starts.start(name, str(folder / wanted.file), '', HEAD, (side, side), 'kept'), model, preprocess, side)


def assert_same_maps(begun: starts.Start, model: keras.Model, preprocess: Callable | None, side: int = _SIDE) -> None:
  """The maps of a start on normalised images are those of a model on bytes."""
  built = build_graph(begun.graph)
  variables = read(built)[1]
  assert {name.rpartition('/')[0] for name in variables.keys() - begun.values.keys()} == {'head/classifier', 'head/dropout'}
  for name, value in begun.values.items():
    variables[name].assign(value)
  maps = keras.Model(built.input, built.get_layer('head/pool').input)
  images = np.random.default_rng(1).random((2, side, side, 3)).astype(np.float32)
  wanted = model((preprocess or np.copy)(images * 255)).numpy()
  found = maps(((images - begun.mean) / begun.deviation).astype(np.float32)).numpy()
  assert np.abs(wanted).max() > 1e-3
  np.testing.assert_allclose(found, wanted, atol=1e-4 * np.abs(wanted).max())


def stirred_in_scale(model: keras.Model) -> keras.Model:
  """The same weights at every call, and batch norms that know what reaches them, so that rounding stays as small as it is."""
  keras.utils.set_random_seed(0)
  kernels = {id(variable): variable.shape for variable in model.variables if len(variable.shape) > 1}
  stirred(model, np.random.default_rng(0))
  for variable in model.variables:
    if id(variable) in kernels:
      variable.assign(keras.initializers.HeNormal()(kernels[id(variable)]))
  norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
  momenta = [norm.momentum for norm in norms]
  for norm in norms:
    norm.momentum = 0.0
  model(np.random.default_rng(2).random((4, *model.input_shape[1:]), np.float32) * 255, training=True)
  for norm, momentum in zip(norms, momenta, strict=True):
    norm.momentum = momentum
  return model


def speck(weights, include_top, input_shape=None, input_tensor=None, classes=1000, classifier_activation='softmax', width=1):
  """A small network that is built as those of tf_keras.applications are."""
  assert weights is None
  if input_shape[0] < 8:
    raise ValueError('Input size must be at least 8x8')
  image = input_tensor if input_tensor is not None else keras.Input(input_shape)
  x = keras.layers.Conv2D(4 * width, 3, 2, use_bias=False, name='Conv1')(image)
  y = keras.layers.Conv2D(4 * width, 1, activation='relu')(keras.layers.ReLU()(keras.layers.BatchNormalization()(x)))
  x = keras.layers.Dropout(0.2, noise_shape=(None, 1, 1, 1))(x * 0.5 + y)
  if include_top:
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(classes, activation=classifier_activation, name='predictions')(keras.layers.Dense(7, name='hidden')(x))
  return keras.Model(image, x)

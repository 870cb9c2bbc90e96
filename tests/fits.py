"""Small models of anybody's, data for them, and what is looked at after a fit."""

from typing import Any

import numpy as np
from tensorflow_model_optimization.python.core.sparsity.keras import prune
import tf_keras as keras

BATCHES = 6  # per epoch
BATCH = 8


def functional() -> keras.Model:
  """A residual network with everything that a wrapper meets."""
  keras.utils.set_random_seed(1)
  inputs = keras.Input([6, 6, 3])
  x = keras.layers.Conv2D(8, 3, padding='same', activation='relu', name='first')(inputs)
  y = keras.layers.DepthwiseConv2D(3, padding='same', name='depthwise')(x)
  y = keras.layers.BatchNormalization()(keras.layers.Conv2D(8, 1, name='second')(y))
  x = keras.layers.GlobalAveragePooling2D()(keras.layers.Add()([x, y]))
  return keras.Model(inputs, keras.layers.Dense(3, name='dense')(x))


def sequential() -> keras.Sequential:
  """Layers in a row, the first on sequences."""
  keras.utils.set_random_seed(1)
  return keras.Sequential(
    [
      keras.layers.Conv1D(8, 3, activation='relu', name='first', input_shape=(36, 3)),
      keras.layers.Flatten(),
      keras.layers.Dropout(0.1),
      keras.layers.Dense(3, name='dense'),
    ]
  )


def single() -> keras.Sequential:
  """One layer, which is traced in no time."""
  keras.utils.set_random_seed(1)
  return keras.Sequential([keras.Input([6, 6, 3]), keras.layers.Flatten(), keras.layers.Dense(3, name='dense')])


def examples() -> tuple[np.ndarray, np.ndarray]:
  """Pictures and labels for an epoch."""
  rng = np.random.default_rng(0)
  labels = np.arange(BATCH * BATCHES) % 3
  images = rng.normal(size=(len(labels), 6, 6, 3)).astype(np.float32)
  images[np.arange(len(labels)), :, :, labels] += 1
  return images, labels


def compiled(model: keras.Model, optimizer: Any = None, **kwargs: Any) -> keras.Model:
  """The model with a loss and an optimizer with momentum."""
  optimizer = optimizer or keras.optimizers.SGD(0.1, momentum=0.9)
  model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), **kwargs)
  return model


def fit(model: keras.Model, callbacks: list, epochs: int = 4, **kwargs: Any) -> keras.callbacks.History:
  """Trains on `examples`."""
  images, labels = examples()
  images = images.reshape(len(images), *model.input_shape[1:])
  return model.fit(images, labels, batch_size=BATCH, epochs=epochs, verbose=0, callbacks=callbacks, **kwargs)


def zeros(model: keras.Model) -> int:
  """Kernel entries that are zero once tfmot has taken the wrappers away."""
  kernels = [variable.numpy() for variable in prune.strip_pruning(model).weights if 'kernel' in variable.name]
  return sum(value.size - int(np.count_nonzero(value)) for value in kernels)


def strips_exactly(model: keras.Model) -> bool:
  """Whether `strip_pruning` changes no bit of an output."""
  images = examples()[0].reshape(-1, *model.input_shape[1:])
  return np.array_equal(prune.strip_pruning(model)(images), model(images))

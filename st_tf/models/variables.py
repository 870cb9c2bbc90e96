"""Variables by name: 'layer/variable', the same with and without pruning wrappers."""

from collections.abc import Iterator
import zlib

import tensorflow as tf
import tf_keras as keras


def layers(model: keras.Model) -> Iterator[tuple[keras.layers.Layer, keras.layers.Layer]]:
  """(layer as it stands in the graph, layer inside its wrapper if it has one) for every layer."""
  for layer in model.layers:
    yield layer, layer.layer if isinstance(layer, keras.layers.Wrapper) else layer


def named_variables(model: keras.Model) -> dict[str, tf.Variable]:
  """Every variable of the network itself by 'layer/variable', in network order; wrappers' own are left out."""
  named = {}
  for _, layer in layers(model):
    for variable in layer.weights:
      named[f'{layer.name}/{short_name(variable)}'] = variable
  return named


def short_name(variable: tf.Variable) -> str:
  """'kernel' for 'any/scope/kernel:0'."""
  return variable.name.rsplit('/', 1)[-1].split(':')[0]


def seed_of(seed: int, name: str) -> int:
  """The seed of a layer's initial weights: another for each seed and name, whatever else the network has."""
  return (seed * 1_000_003 + zlib.crc32(name.encode())) % 2**31

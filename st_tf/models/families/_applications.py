"""Networks of tf_keras.applications, which bring weights from ImageNet.

What they do to pixels before their first convolution becomes the family's mean and deviation; where that turns RGB into BGR,
the channels of the first kernel are turned instead.
"""

from collections.abc import Callable, Sequence
import pathlib
from typing import Any

import h5py
import numpy as np
import tf_keras as keras

from st_tf.arch.graph import Graph, Node
from st_tf.models import ends, keras_files
from st_tf.models.families import PIXELS, Family
from st_tf.models.graph import graph_of, read
from st_tf.models.published import Published

# Of ImageNet, subtracted from pixels from 0 to 255 in the order BGR; here in the order RGB.
_CAFFE = ((123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255,) * 3)
BGR = 'bgr'
_SITE = 'https://storage.googleapis.com/tensorflow/keras-applications'
_DROPOUT = 0.2
_SHAPE = (96, 96, 3)  # Large enough for all of them; weights do not depend on it.

Build = Callable[..., keras.Model]


def application(build: Build, pixels: str, published: Callable[[tuple[int, int]], Published], side: int = 224) -> Family:
  """A network of tf_keras.applications without its last layers.

  Args:
    build: its function there, which takes weights, include_top, classes, input_shape and input_tensor.
    pixels: what it was trained on, one of `PIXELS`; or `BGR`: bytes in that order, less the mean of ImageNet.
    published: as of `Family`.
    side: likewise.
  """
  mean, deviation = _CAFFE if pixels == BGR else PIXELS[pixels]
  return Family(
    features=lambda image: build(weights=None, include_top=False, input_tensor=image, input_shape=tuple(image.shape[1:])).output,
    mean=mean,
    deviation=deviation,
    dropout=_DROPOUT,
    suffixes=('.h5', '.hdf5', '.keras'),
    file_of='an .h5 file as tf_keras.applications has it, with the last layers or without, or a .keras file of the network',
    read=lambda file: _read(build, file, pixels == BGR),
    side=side,
    published=published,
  )


def at(folder: str, without: tuple[str, str], whole: tuple[str, str]) -> Published:
  """The files of weights where Keras fetches them.

  Args:
    folder: there.
    without: (name, MD5) of the one without the last layers.
    whole: likewise, of the one with them.
  """
  address = f'{_SITE}/{folder}'
  return Published(without[0], address, without[1], other=Published(whole[0], address, whole[1]))


def side(image_size: tuple[int, int], known: Sequence[int]) -> int:
  """The side of the pictures whose weights Keras takes for others of that size; 224 where it has none of their own."""
  height, width = image_size
  return height if height == width and height in known else 224


def _read(build: Build, file: pathlib.Path, turned: bool) -> dict[str, np.ndarray]:
  model = build(weights=None, include_top=False, input_shape=_SHAPE)
  own = graph_of(model)
  graph, values = _of_keras(own, file) if file.suffix == '.keras' else _of_h5(build, model, file)
  kept = {_names(own)(node.layer) for node in own.nodes}
  new, first = _names(graph), next(node.layer for node in graph.nodes if 'kernel' in node.weights)
  found = {}
  for name, value in values.items():
    layer, _, short = name.rpartition('/')
    if new(layer) in kept:
      found[f'{new(layer)}/{short}'] = value[:, :, ::-1] if turned and name == f'{first}/kernel' else value
  return found


def _names(graph: Graph) -> Callable[[str], str]:
  """A layer's name in Keras -> its name in the family's network."""
  names = ends.of_unnamed(graph) | ends.of_ends(graph, keeps_end=False)
  return lambda layer: names.get(layer, layer)


def _of_h5(build: Build, own: keras.Model, file: pathlib.Path) -> tuple[Graph, dict[str, np.ndarray]]:
  """(the network that is in the file, with its top where the file has one, its weights by the names of its layers)."""
  model, stored = own, _shapes(file)
  if len(stored) != len(_trained_layers(own)):
    model = build(weights=None, include_top=True, input_shape=_SHAPE, classes=stored[-1][1][-1][-1], classifier_activation=None)
  for layer, (name, shapes) in zip(_trained_layers(model), stored):
    wanted = [tuple(variable.shape) for variable in layer.weights]
    if sorted(shapes) != sorted(wanted):
      raise ValueError(f'its {name} has the shapes {shapes}, and {layer.name} of the network {wanted}')
  model.load_weights(str(file))
  graph, variables = read(model)
  return graph, {name: variable.numpy() for name, variable in variables.items()}


def _shapes(file: pathlib.Path) -> list[tuple[str, list[tuple[int, ...]]]]:
  """(name, shapes of its weights) of every layer in a file that has some."""
  with h5py.File(file, 'r') as archive:
    group = archive['model_weights'] if 'model_weights' in archive else archive
    if 'layer_names' not in group.attrs:
      raise ValueError('it has no layers by name')
    names = [name.decode() if isinstance(name, bytes) else str(name) for name in group.attrs['layer_names']]
    shapes = [(name, [group[name][weight].shape for weight in group[name].attrs['weight_names']]) for name in names]
  stored = [(name, found) for name, found in shapes if found]
  if not stored or not stored[-1][1][-1]:
    raise ValueError('it has no weights')
  return stored


def _trained_layers(model: keras.Model) -> list[keras.layers.Layer]:
  return [layer for layer in model.layers if layer.weights]


def _of_keras(own: Graph, file: pathlib.Path) -> tuple[Graph, dict[str, np.ndarray]]:
  """(the network, weights of a model in a file by the names of its layers): by their names, or by their order where these differ."""
  found, values = keras_files.load(str(file))
  mine, theirs = _trained(own), _trained(found)
  pairs = [(node, theirs.get(layer)) for layer, node in mine.items()]
  if not mine.keys() <= theirs.keys():
    pairs = list(zip(mine.values(), [*theirs.values(), *[None] * len(mine)]))
  for node, other in pairs:
    if other is None or (node.kind, dict(node.weights)) != (other.kind, dict(other.weights)):
      said = f'{other.layer}, a {other.kind} of {dict(other.weights)}' if other else 'nothing'
      raise ValueError(f'it has {said} in the place of {node.layer}, a {node.kind} of {dict(node.weights)}')
  return own, {f'{node.layer}/{short}': values[f'{other.layer}/{short}'] for node, other in pairs for short in node.weights}


def _trained(graph: Graph) -> dict[str, Node]:
  """The first call of every layer with weights, by layer."""
  nodes: dict[str, Any] = {}
  for node in graph.nodes:
    if node.weights:
      nodes.setdefault(node.layer, node)
  return nodes

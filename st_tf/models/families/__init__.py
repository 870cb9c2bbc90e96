"""Networks by name that may bring weights: a file for each, which defines it as FAMILY."""

from collections.abc import Callable, Mapping
import dataclasses
import os
import pathlib
from typing import Any

import numpy as np
import tf_keras as keras

from st_tf import plugins
from st_tf.arch.graph import Graph
from st_tf.arch.specs import HeadSpec, SpecError
from st_tf.models.graph import graph_of
from st_tf.models.high_resolution import CLASSIFIER
from st_tf.models.layers import CountedDropout
from st_tf.models.map_head import with_map_head
from st_tf.models.variables import seed_of

IMAGENET = 'imagenet'
_CACHE = pathlib.Path('~/.keras/models')


@dataclasses.dataclass(frozen=True)
class Family:
  """One network that is known by name.

  Attributes:
    features: images [batch, height, width, 3], normalised -> maps before the global pooling, as Keras tensors.
    mean: per channel, that its weights want to be subtracted from images in [0, 1].
    deviation: likewise, that they are divided by.
    dropout: before the last layer.
    file_of: what its files of weights are, for messages.
    read: {name: array} of such a file -> {'layer/variable': array}; raises KeyError where one is missing.
  """

  features: Callable[[Any], Any]
  mean: tuple[float, float, float]
  deviation: tuple[float, float, float]
  dropout: float
  file_of: str
  read: Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]


def named(name: str) -> Family:
  """The family of that name.

  Raises:
    UserError: there is none.
  """
  return plugins.load(__name__, name, 'FAMILY')


def supernet(name: str, head: HeadSpec, image_size: tuple[int, int]) -> Graph:
  """A family's network with the head of a task in the place of its own.

  Args:
    name: of the family.
    head: what the task asks of the network's end.
    image_size: (height, width) of the images, in pixels.

  Raises:
    SpecError: the images are too small.
  """
  family = named(name)
  image = keras.Input((*image_size, 3), name='image')
  return under_head(image, family.features(image), head, family.dropout)


def under_head(image: Any, maps: Any, head: HeadSpec, dropout: float) -> Graph:
  """The network from an image to maps, both Keras tensors, under a new head.

  Args:
    image: where images enter.
    maps: the last ones.
    head: what the task asks: a pooling, dropout and a last layer, or maps over several strides.
    dropout: before the last layer of a classifier.

  Raises:
    SpecError: as of `with_map_head`.
  """
  if head.kind == 'dense':
    return with_map_head(graph_of(keras.Model(image, maps)), head.outputs)
  x = keras.layers.GlobalAveragePooling2D(name='head/pool')(maps)
  x = CountedDropout(dropout, seed_of(0, 'head/dropout'), name='head/dropout')(x)
  return graph_of(keras.Model(image, keras.layers.Dense(head.outputs, name=CLASSIFIER)(x)))


def file_of(name: str, given: str) -> str:
  """The file with a family's trained weights; empty where it begins with none.

  Args:
    name: of the family.
    given: 'imagenet', 'none' or a file; '' = imagenet where they are at hand.

  Raises:
    SpecError: they are asked for and are not at hand.
  """
  if given in ('', IMAGENET):
    found = _CACHE.expanduser() / f'{name}.npz'
    if found.is_file():
      return str(found)
    if given:
      raise SpecError(
        f'--weights=imagenet reads {found}. Received: no such file. Put there an .npz with {named(name).file_of}, or give it by'
        ' --weights=FILE; --weights=none begins with random ones.'
      )
    return ''
  return '' if given == 'none' else given


def weights(name: str, path: str) -> Mapping[str, np.ndarray]:
  """A family's trained weights by 'layer/variable', without those of its last layer.

  Args:
    name: of the family.
    path: a file of them.

  Raises:
    SpecError: it cannot be read, or has others.
  """
  family = named(name)
  file = pathlib.Path(os.path.expanduser(path))
  if file.suffix != '.npz':
    raise SpecError(f'Weights of {name} are an .npz file with {family.file_of}. Received: {path!r}.')
  try:
    with np.load(file) as archive:
      return {name: value.astype(np.float32) for name, value in family.read(dict(archive)).items()}
  except (OSError, ValueError) as error:
    raise SpecError(f'Weights of {name} are an .npz file with {family.file_of}. Received: {path!r} ({error}).') from error
  except KeyError as error:
    raise SpecError(f'Weights of {name} are an .npz file with {family.file_of}. Received: {path!r}, which has no {error}.') from error

"""Networks by name that may bring weights: a file for each, which defines it as FAMILY."""

from collections.abc import Callable, Mapping
import dataclasses
import os
import pathlib
from typing import Any
import zipfile

import numpy as np
import tf_keras as keras

from st_tf import plugins
from st_tf.arch.graph import Graph
from st_tf.arch.specs import HeadSpec, SpecError
from st_tf.errors import UserError
from st_tf.files import expanded
from st_tf.models import ends, published
from st_tf.models.graph import graph_of
from st_tf.models.high_resolution import CLASSIFIER
from st_tf.models.layers import CountedDropout
from st_tf.models.map_head import with_map_head
from st_tf.models.published import Published
from st_tf.models.variables import seed_of

IMAGENET = 'imagenet'
NONE = 'none'
# (mean, deviation) of pixels from 0 to 1 that make what a network was trained on.
PIXELS = {
  'bytes': ((0.0,) * 3, (1 / 255,) * 3),
  'units': ((0.0,) * 3, (1.0,) * 3),
  'signed': ((0.5,) * 3, (0.5,) * 3),
  'imagenet': ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


@dataclasses.dataclass(frozen=True)
class Family:
  """One network that is known by name.

  Attributes:
    features: images [batch, height, width, 3], normalised -> maps before the global pooling, as Keras tensors.
    mean: per channel, that its weights want to be subtracted from images in [0, 1].
    deviation: likewise, that they are divided by.
    dropout: before the last layer.
    suffixes: of its files of weights; none = it begins with random ones.
    file_of: what these are, for messages.
    read: such a file -> {"layer/variable": array}; raises KeyError where one is missing, ValueError or OSError where it is no such file.
    side: of the square images, in pixels, that its weights were trained on.
    published: (height, width) of images -> the file that others have published for them; None = NAME.npz, which is not fetched.
    shaped: the network with its head -> as the family has it: with other numbers of blocks, or names of layers.
  """

  features: Callable[[Any], Any]
  mean: tuple[float, float, float]
  deviation: tuple[float, float, float]
  dropout: float
  suffixes: tuple[str, ...]
  file_of: str
  read: Callable[[pathlib.Path], dict[str, np.ndarray]]
  side: int = 224
  published: Callable[[tuple[int, int]], Published] | None = None
  shaped: Callable[[Graph], Graph] = lambda graph: graph


@dataclasses.dataclass(frozen=True)
class Size:
  """What networks of one kind differ in.

  Attributes:
    name: 'width' or 'depth'.
    known: the values that there are.
    usual: the one that is meant where none is said.
  """

  name: str
  known: tuple[float, ...]
  usual: float


@dataclasses.dataclass(frozen=True)
class Sizes:
  """Networks that differ in sizes, which stand behind the name: NAME:SIZE, or NAME:SIZE:SIZE.

  Attributes:
    of: the sizes -> their network.
    sizes: in the order in which they are written.
  """

  of: Callable[..., Family]
  sizes: tuple[Size, ...]


def named(name: str) -> Family:
  """The family of that name.

  Args:
    name: NAME, or NAME:SIZE where it has sizes.

  Raises:
    UserError: there is none, or it is of no such size.
  """
  family, *written = name.split(':')
  found = plugins.load(__name__, family, 'FAMILY')
  if isinstance(found, Family):
    if written:
      raise SpecError(f'{family} has one size. Received: --supernet={name}. Write --supernet={family}.')
    return found
  if len(written) > len(found.sizes):
    listed = ' and a '.join(size.name for size in found.sizes)
    raise SpecError(f'{family} has a {listed}. Received: --supernet={name}. Leave out what follows them.')
  values = [size.usual for size in found.sizes]
  for index, (size, text) in enumerate(zip(found.sizes, written)):
    value = next((known for known in size.known if text in (str(known), f'{known:g}')), None)
    if value is None:
      listed = ', '.join(f'{known:g}' for known in size.known)
      example = ':'.join((family, *(f'{usual:g}' for usual in values[:index]), f'{size.known[0]:g}'))
      raise SpecError(f'{family} has the {size.name}s {listed}. Received: --supernet={name}. Write for example --supernet={example}.')
    values[index] = value
  return found.of(*values)


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
  try:
    maps = family.features(image)
  except UserError:
    raise
  except ValueError as error:
    sides = 'x'.join(map(str, image_size))
    raise SpecError(f'Images have a size that {name} can read. Received: {sides} ({error}). Raise --image_size.') from error
  graph = family.shaped(ends.without(under_head(image, maps, head, family.dropout), 'Dropout'))
  return ends.renamed(graph, ends.of_unnamed(graph) | ends.of_ends(graph, keeps_end=True))


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


def at(name: str) -> pathlib.Path:
  """Where the file of a family that nobody fetches is looked for."""
  return Published(f'{name}.npz').path


def file_of(name: str, given: str, image_size: tuple[int, int]) -> str:
  """The file with a family's trained weights; empty where it begins with none.

  Args:
    name: of the family.
    given: 'imagenet', 'none' or a file; '' = imagenet where they are at hand, and none where they would have to be fetched.
    image_size: (height, width) of the images, in pixels.

  Raises:
    SpecError: they are asked for and cannot be had, or what is at hand is damaged.
  """
  if given not in ('', IMAGENET):
    return '' if given == NONE else given
  family = named(name)
  check_has_weights(name, given)
  if not family.suffixes:
    return ''
  wanted = family.published(tuple(image_size)) if family.published else Published(f'{name}.npz')
  found = published.at_hand(wanted)
  if found is None and given and not wanted.address:
    raise SpecError(
      f'--weights=imagenet reads {wanted.path}. Received: no such file. Put there {family.file_of}, or give it by --weights=FILE;'
      ' --weights=none begins with random ones.'
    )
  return str(found or (published.fetch(wanted) if given else ''))


def check_has_weights(name: str, given: str) -> None:
  """Refuses weights for a network that nobody has published any of.

  Args:
    name: of the family.
    given: as of `file_of`.

  Raises:
    SpecError: it has none, and some are asked for; or there is no such network.
  """
  has_some = bool(named(name).suffixes)
  if given not in ('', NONE) and not has_some:
    raise SpecError(f'{name} has no published weights, and begins with random ones. Received: --weights={given}. Leave it out.')


def check_file(name: str, path: str) -> pathlib.Path:
  """The file of a family's weights, which is there and is called as such files are.

  Raises:
    SpecError: it is not.
  """
  check_has_weights(name, path)
  family, file = named(name), expanded(path)
  missing = '' if os.path.isfile(file) else ', which is a folder' if os.path.isdir(file) else ', which does not exist'
  if missing or file.suffix not in family.suffixes:
    raise SpecError(f'Weights of {name} are {family.file_of}. Received: {path!r}{missing}.')
  return file


def weights(name: str, path: str, graph: Graph) -> Mapping[str, np.ndarray]:
  """A family's trained weights by 'layer/variable', without those of its last layer.

  Args:
    name: of the family.
    path: a file of them.
    graph: its network, with whatever head.

  Raises:
    SpecError: the file cannot be read, or has others.
  """
  family, file = named(name), check_file(name, path)
  rule = f'Weights of {name} are {family.file_of}.'
  try:
    values = family.read(file)
  except UserError as error:
    raise SpecError(f'{rule} Received: {path!r}. {error}') from error
  except KeyError as error:
    raise SpecError(f'{rule} Received: {path!r}, which has no {error}.') from error
  except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
    reason = str(error).strip().splitlines()
    raise SpecError(f'{rule} Received: {path!r} ({reason[0][:300] if reason else type(error).__name__}).') from error
  shapes = {f'{node.layer}/{short}': shape for node in graph.nodes for short, shape in node.weights.items()}
  for variable, value in values.items():
    if value.shape != shapes.get(variable, value.shape):
      raise SpecError(f'{rule} Received: {path!r}, of another network or width: {variable} is {value.shape}, not {shapes[variable]}.')
  return {variable: value.astype(np.float32) for variable, value in values.items() if variable in shapes}

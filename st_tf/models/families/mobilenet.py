"""MobileNet (Howard et al., 2017), of several widths, and of several depths: 5 blocks of 512 channels, or more or fewer."""

import dataclasses
import functools

import tf_keras as keras

from st_tf.arch.block_maps import INTERPOLATION, ordered
from st_tf.arch.graph import Graph
from st_tf.arch.repeats import MOBILENET_DEPTHS, Repeats
from st_tf.arch.resizing import Resizing
from st_tf.models.families import Family, Size, Sizes
from st_tf.models.families._applications import application, at, side
from st_tf.models.families._plain import untrained
from st_tf.models.published import Published

_SIDES = (128, 160, 192, 224)
_TEXTS = {0.25: '2_5', 0.5: '5_0', 0.75: '7_5', 1.0: '1_0'}
_USUAL = 5  # Blocks of 512 channels that read as many.


def _of(width: float, depth: int = _USUAL) -> Family:
  def published(image_size: tuple[int, int]) -> Published:
    stem = f'mobilenet_{_TEXTS[width]}_{side(image_size, _SIDES)}_tf'
    return at('mobilenet', (f'{stem}_no_top.h5', ''), (f'{stem}.h5', ''))

  usual = application(functools.partial(keras.applications.MobileNet, alpha=width), 'signed', published)
  if depth == _USUAL:
    return usual
  return dataclasses.replace(untrained(usual.features, 'signed'), dropout=usual.dropout, shaped=lambda graph: _resized(graph, depth))


def _resized(graph: Graph, depth: int) -> Graph:
  """The network with so many blocks of 512 channels that read as many."""
  repeats = Repeats.of(graph)
  (wanted,), (blocks,) = repeats.wanted(depth), repeats.counts
  return Resizing(repeats, (ordered(blocks, wanted, INTERPOLATION),)).of(graph)


FAMILY = Sizes(_of, (Size('width', tuple(_TEXTS), 1.0), Size('depth', MOBILENET_DEPTHS, _USUAL)))

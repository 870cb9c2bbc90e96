"""VGG (Simonyan and Zisserman, ICLR 2015) for small pictures, with batch norms and one dense layer, of several depths."""

from typing import Any

import tf_keras as keras

from st_tf.arch.repeats import VGG_DEPTHS, vgg_blocks
from st_tf.models.families import Family, Size, Sizes
from st_tf.models.families._plain import convolved, normed, untrained
from st_tf.models.high_resolution import STEM

_CHANNELS = (64, 128, 256, 512, 512)
_USUAL = 16


def _of(depth: int) -> Family:
  return untrained(lambda image: _features(image, depth))


def _features(image: Any, depth: int) -> Any:
  """Four poolings: the last stage sees maps of 2x2 on pictures of 32x32, which the mean takes in."""
  x = image
  for stage, (blocks, channels) in enumerate(zip(vgg_blocks(depth), _CHANNELS), 1):
    if stage > 1:
      x = keras.layers.MaxPooling2D(name=f'stage{stage}/pool')(x)
    for block in range(blocks):
      name = f'stage{stage}/conv{block}'
      first = x is image
      x = convolved(x, channels, f'{STEM}/conv' if first else f'{name}/conv')
      x = keras.layers.ReLU(name=f'{name}/act')(normed(x, f'{name}/bn'))
  return x


FAMILY = Sizes(_of, (Size('depth', VGG_DEPTHS, _USUAL),))

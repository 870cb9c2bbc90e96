"""The ResNets for small pictures of He et al. (CVPR 2016, section 4.2), of several depths.

Three stages of as many blocks each, of 16, 32 and 64 channels. Where a stage makes maps smaller, a 1x1 convolution stands beside its first
block, as in their section 3.3 (B), in the place of zeros for the new channels.
"""

from typing import Any

import tf_keras as keras

from st_tf.arch.repeats import RESNET_DEPTHS, resnet_blocks
from st_tf.models.families import Family, Size, Sizes
from st_tf.models.families._plain import convolved, normed, untrained
from st_tf.models.high_resolution import SKIP, STEM

_CHANNELS = (16, 32, 64)
_USUAL = 20


def _of(depth: int) -> Family:
  return untrained(lambda image: _features(image, depth))


def _features(image: Any, depth: int) -> Any:
  x = _activated(normed(convolved(image, _CHANNELS[0], f'{STEM}/conv'), f'{STEM}/bn'), f'{STEM}/act')
  for stage, (blocks, channels) in enumerate(zip(resnet_blocks(depth), _CHANNELS), 1):
    for block in range(blocks):
      x = _block(x, channels, 2 if stage > 1 and block == 0 else 1, f'stage{stage}/block{block}')
  return x


def _block(x: Any, channels: int, stride: int, name: str) -> Any:
  y = _activated(normed(convolved(x, channels, f'{name}/conv0', stride), f'{name}/bn0'), f'{name}/act0')
  y = normed(convolved(y, channels, f'{name}/conv1'), f'{name}/bn1')
  if stride > 1:
    x = normed(convolved(x, channels, f'{name}{SKIP}', stride, size=1), f'{name}/skip_bn')
  return _activated(keras.layers.Add(name=f'{name}/add')([x, y]), f'{name}/act1')


def _activated(x: Any, name: str) -> Any:
  return keras.layers.ReLU(name=name)(x)


FAMILY = Sizes(_of, (Size('depth', RESNET_DEPTHS, _USUAL),))

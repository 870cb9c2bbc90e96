"""Parameters and multiply-accumulates (MACs) of a built network, layer by layer.

Counted by walking over the layers as they stand: output positions times kernel entries for convolutions and dense
layers, nothing for the rest. 1 MAC = 2 FLOPs.
"""

from collections.abc import Mapping
import dataclasses
import math

import numpy as np
import tensorflow as tf
import tf_keras as keras

from st_tf.arch.specs import SpecError
from st_tf.models.layers import ChannelScale
from st_tf.models.transformer import TokenTransformer
from st_tf.models.variables import layers, short_name

_KERNELS = ('kernel', 'depthwise_kernel', 'pointwise_kernel')


@dataclasses.dataclass(frozen=True)
class LayerCost:
  """One layer's cost per image.

  Attributes:
    name: the layer's name.
    params: trainable parameters.
    macs: multiply-accumulates.
    nonzero_params: parameters that its mask leaves.
    nonzero_macs: multiply-accumulates that its mask leaves.
  """

  name: str
  params: int
  macs: int
  nonzero_params: int
  nonzero_macs: int

  @property
  def density(self) -> float:
    """Fraction of the parameters that is left."""
    return self.nonzero_params / self.params if self.params else 1.0


@dataclasses.dataclass(frozen=True)
class Cost:
  """A network's cost per image: the sum over its layers."""

  layers: tuple[LayerCost, ...]

  @property
  def params(self) -> int:
    """Trainable parameters."""
    return sum(layer.params for layer in self.layers)

  @property
  def macs(self) -> int:
    """Multiply-accumulates."""
    return sum(layer.macs for layer in self.layers)

  @property
  def nonzero_params(self) -> int:
    """Trainable parameters that the masks leave."""
    return sum(layer.nonzero_params for layer in self.layers)

  @property
  def nonzero_macs(self) -> int:
    """Multiply-accumulates that the masks leave, counted with each layer's own non-zeros."""
    return sum(layer.nonzero_macs for layer in self.layers)


def of(model: keras.Model, masks: Mapping[str, np.ndarray] | None = None) -> Cost:
  """The cost of `model` per image.

  Args:
    model: with static image sizes, with or without pruning wrappers.
    masks: {'layer/kernel': booleans of the kernel's shape}; what is not named counts as dense.

  Raises:
    SpecError: an image size is free.
  """
  masks = masks or {}
  return Cost(tuple(_layer(outer, layer, masks) for outer, layer in layers(model) if _parameters(layer)))


def kernels(layer: keras.layers.Layer) -> list[tf.Variable]:
  """The weights of a layer that are multiplied at each of its positions."""
  return [variable for variable in _parameters(layer) if short_name(variable) in _KERNELS]


def _parameters(layer: keras.layers.Layer) -> list:
  """Variables that training changes, also where the layer is frozen; none of a search's own factors, which kernels take in."""
  return [] if isinstance(layer, ChannelScale) else [variable for variable in layer.weights if variable.trainable]


def _layer(outer: keras.layers.Layer, layer: keras.layers.Layer, masks: Mapping[str, np.ndarray]) -> LayerCost:
  params = sum(math.prod(variable.shape) for variable in _parameters(layer))
  if isinstance(layer, TokenTransformer):
    return LayerCost(layer.name, params, layer.macs(), params, layer.macs())
  counted = kernels(layer)
  positions = _positions(outer) if counted else 0
  size = sum(math.prod(kernel.shape) for kernel in counted)
  removed = 0
  for kernel in counted:
    mask = masks.get(f'{layer.name}/{short_name(kernel)}')
    removed += 0 if mask is None else mask.size - int(np.count_nonzero(mask))
  return LayerCost(layer.name, params, positions * size, params - removed, positions * (size - removed))


def _positions(layer: keras.layers.Layer) -> int:
  """Places at which a kernel is used."""
  shape = getattr(layer, 'output_shape', (None,) * 3)  # Keras has none where a layer is called on images of several sizes.
  if None in shape[1:-1]:
    raise SpecError(
      f'MACs are counted at one image size. Received: {layer.name} with outputs {shape}. Build the model on a keras.Input of a fixed size;'
      ' a ranking that needs no MACs is erk.'
    )
  return math.prod(shape[1:-1])

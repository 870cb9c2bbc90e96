"""Whether the parts of a ticket belong together, as far as that is seen before its network is built."""

from collections.abc import Mapping
import math

import numpy as np

from st_tf.arch import limits
from st_tf.arch.graph import INPUT, Architecture, Graph
from st_tf.arch.specs import HeadSpec


def check(
  arch: Architecture, head: HeadSpec, input_shape: tuple[int, int, int], weights: Mapping[str, np.ndarray], masks: Mapping[str, np.ndarray]
) -> None:
  """Refuses a ticket whose network cannot be built here, or whose arrays are none of a network.

  Args:
    arch: its network.
    head: its end.
    input_shape: (height, width, channels) of one image.
    weights: by 'layer/variable'.
    masks: of some of them, by the same names.

  Raises:
    SpecError: the network is too large, with images of that size.
    ValueError: a weight is no finite number, or a mask is none of a weight.
  """
  if isinstance(arch, Graph):
    size = limits.of_graph(arch)
    pixels = next((math.prod(node.shape[:2]) for node in arch.nodes if node.kind == INPUT and None not in node.shape[:2]), 1)
    size.outputs = max(size.outputs, size.outputs * math.prod(input_shape[:2]) // max(pixels, 1))
    size.check(input_shape[:2])
  else:
    limits.check(arch, head, input_shape)
  for name, value in weights.items():
    if value.dtype.kind == 'f' and not np.isfinite(value).all():
      raise ValueError(f'{name} has NaN or infinity among its weights')
  for name, value in masks.items():
    if value.dtype != bool:
      raise ValueError(f'the mask of {name} is {value.dtype}, not bool')
    if name not in weights or weights[name].shape != value.shape:
      there = weights[name].shape if name in weights else 'no weight'
      raise ValueError(f'the mask of {name} has shape {value.shape}, and the weight {there}')

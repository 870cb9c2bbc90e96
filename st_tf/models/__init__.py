"""Builders of networks, each one flat functional graph."""

from typing import Any

import tf_keras as keras

from st_tf.arch import limits
from st_tf.arch.graph import Architecture, Graph
from st_tf.arch.specs import HeadSpec
from st_tf.models import high_resolution
from st_tf.models.graph import build_graph
from st_tf.models.variables import named_variables


def build(arch: Architecture, head: HeadSpec, input_shape: tuple[int, int, int], *how: Any, **named: Any) -> keras.Model:
  """The network for images of `input_shape`, as `high_resolution.build` says; a graph has its head already.

  Args:
    arch: what to build.
    head: what the task asks of its end.
    input_shape: (height, width, channels) of one image, in pixels.
    *how: wrap, seed, synchronized, deviation and first, as there.
    **named: likewise.

  Raises:
    SpecError: the images do not suit the network.
  """
  if isinstance(arch, Graph):
    return build_graph(arch, input_shape, *how, **named)
  limits.check(arch, head, input_shape)
  return high_resolution.build(arch, head, input_shape, *how, **named)

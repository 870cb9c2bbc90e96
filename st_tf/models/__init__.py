"""Builders of networks, each one flat functional graph."""

import tf_keras as keras

from st_tf.arch.graph import Architecture, Graph
from st_tf.arch.specs import HeadSpec
from st_tf.models import high_resolution
from st_tf.models.graph import Wrap, build_graph
from st_tf.models.variables import named_variables


def build(
  arch: Architecture,
  head: HeadSpec,
  input_shape: tuple[int, int, int],
  wrap: Wrap = lambda layer: layer,
  seed: int = 0,
  synchronized: bool = False,
  deviation: float = 0.0,
  first: keras.layers.Layer | None = None,
) -> keras.Model:
  """The network for images of `input_shape`: see `high_resolution.build`; a graph has its head already.

  Raises:
    SpecError: the images do not suit the network.
  """
  if isinstance(arch, Graph):
    return build_graph(arch, input_shape, wrap, seed, synchronized, deviation, first)
  return high_resolution.build(arch, head, input_shape, wrap, seed, synchronized, deviation, first)

"""MobileNetV3 (Howard et al., ICCV 2019): small and large, and the minimalistic ones, without gates, 5x5 kernels and hard swish."""

from collections.abc import Callable
import dataclasses
import functools
import re

import tf_keras as keras

from st_tf.arch.graph import Graph
from st_tf.models import ends
from st_tf.models.families import Family
from st_tf.models.families._applications import application, at

_BLOCK, _NUMBER = re.compile(r'expanded_conv(?:_\d+)?(?=/)'), re.compile(r'_\d+$')


def mobilenet_v3(build: Callable[..., keras.Model], kind: str, width: float, whole: str, without: str) -> Family:
  """One of them.

  Args:
    build: its function in tf_keras.applications.
    kind: 'small', 'large', 'small_minimalistic' or 'large_minimalistic'.
    width: relative to the whole network.
    whole: MD5 of its published weights with the last layers.
    without: likewise, without them.
  """
  stem = f'weights_mobilenet_v3_{kind}_224_{width}_float'
  files = at('mobilenet_v3', (f'{stem}_no_top_v2.h5', without), (f'{stem}.h5', whole))
  how = functools.partial(build, alpha=width, minimalistic=kind.endswith('minimalistic'), include_preprocessing=False)
  return dataclasses.replace(application(how, 'signed', lambda image_size: files), shaped=_in_blocks)


def _in_blocks(graph: Graph) -> Graph:
  """The graph whose activations, which Keras names by numbers, have names of the blocks that they are in."""
  unnamed, block_of, names = ends.of_unnamed(graph), {}, {}
  counts: dict[str, int] = {}
  for node in graph.nodes:
    match, around = _BLOCK.match(node.layer), {block_of.get(name) for name in node.inputs}
    block_of[node.name] = match[0] if match else around.pop() if node.layer in unnamed and len(around) == 1 else None
    if block_of[node.name] and not match:
      name = f'{block_of[node.name]}/{_NUMBER.sub("", unnamed[node.layer])}'
      names[node.layer] = f'{name}_{counts[name]}' if counts.get(name) else name
      counts[name] = counts.get(name, 0) + 1
  return ends.renamed(graph, names)

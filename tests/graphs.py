"""Small deployment graphs by hand, and networks with random weights, for the tests of the exporter."""

from typing import Any

import numpy as np
import tf_keras as keras

from st_tf.arch.specs import ArchSpec, HeadSpec
from st_tf.models import build, named_variables
from tflite.deploy.emit import emit
from tflite.deploy.graph import Graph, Node

SIDE = 6


def image(channels: int = 3) -> Node:
  """The input of a small graph."""
  return Node('image', 'image', (), (SIDE, SIDE, channels))


def conv(name: str, source: str, kernel: Any, bias: Any = None, **settings: int) -> Node:
  """A convolution; a kernel [in, out] is a 1x1 one."""
  kernel = np.asarray(kernel, np.float64)
  kernel = kernel[None, None] if kernel.ndim == 2 else kernel
  return _convolution('conv', name, source, kernel, bias, settings)


def depthwise(name: str, source: str, kernel: Any, bias: Any = None, **settings: int) -> Node:
  """A depthwise convolution with kernel [h, w, channels]."""
  return _convolution('depthwise', name, source, np.asarray(kernel, np.float64), bias, settings)


def act(name: str, source: str, channels: int, kind: str = 'relu') -> Node:
  """An activation."""
  return Node(name, 'act', (source,), (SIDE, SIDE, channels), {'kind': kind})


def add(name: str, sources: tuple[str, ...], channels: int) -> Node:
  """A sum."""
  return Node(name, 'add', sources, (SIDE, SIDE, channels))


def affine(name: str, source: str, scale: Any, shift: Any) -> Node:
  """A scale and a shift per channel."""
  arrays = {'scale': np.asarray(scale, np.float64), 'shift': np.asarray(shift, np.float64)}
  return Node(name, 'affine', (source,), (SIDE, SIDE, len(arrays['scale'])), arrays=arrays)


def graph(*nodes: Node) -> Graph:
  """The graph of `nodes`, whose last gives the output."""
  return Graph(nodes, nodes[-1].name)


def outputs(network: Graph, seed: int = 0) -> np.ndarray:
  """What the graph says about two random images."""
  images = np.random.default_rng(seed).normal(size=(2, *network.nodes[0].shape)).astype(np.float32)
  return emit(network)(images).numpy()


def ops(network: Graph) -> list[str]:
  """The operations in order, without the image."""
  return [node.op for node in network.nodes[1:]]


def same(first: Graph, second: Graph) -> None:
  """Asserts that two graphs are the same function up to rounding."""
  expected = outputs(first)
  np.testing.assert_allclose(outputs(second), expected, atol=2e-6 * max(1.0, np.abs(expected).max()))


def random_network(arch: ArchSpec, head: HeadSpec, side: int, sparsity: float = 0.0, seed: int = 0) -> keras.Model:
  """A network with random weights and statistics; 1x1 kernels are sparse, a third of the factors zero."""
  return randomise(build(arch, head, (side, side, 3)), sparsity, seed)


def randomise(model: keras.Model, sparsity: float = 0.0, seed: int = 0) -> keras.Model:
  """The same model with the weights of such a network."""
  rng = np.random.default_rng(seed)
  for name, variable in named_variables(model).items():
    value = rng.normal(size=variable.shape)
    if name.endswith('kernel'):
      value *= np.sqrt(2 / np.prod(variable.shape[:-1]))
      value *= (rng.random(variable.shape) >= sparsity) if variable.shape[0] == 1 else 1
    elif name.endswith('variance'):
      value = 1 + 0.1 * np.abs(value)
    elif name.endswith('factor_bn/gamma'):
      value *= rng.random(variable.shape) > 1 / 3
    elif name.endswith('gamma'):
      value = 1 + 0.2 * value
    else:
      value *= 0.2
    variable.assign(value)
  return model


def _convolution(op: str, name: str, source: str, kernel: np.ndarray, bias: Any, settings: dict[str, int]) -> Node:
  stride, pad = settings.get('stride', 1), settings.get('pad', (kernel.shape[0] - 1) // 2)
  side = (SIDE + 2 * pad - kernel.shape[0]) // stride + 1
  bias = np.zeros(kernel.shape[-1]) if bias is None else np.asarray(bias, np.float64)
  return Node(name, op, (source,), (side, side, kernel.shape[-1]), {'stride': stride, 'pad': pad}, {'kernel': kernel, 'bias': bias})

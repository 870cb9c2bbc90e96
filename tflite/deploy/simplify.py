"""Exact rewrites into the operations that sparse mobile inference has."""

import numpy as np

from tflite.deploy.graph import Graph, Node


def split_concats(graph: Graph) -> Graph:
  """A 1x1 convolution of a concatenation as a sum of 1x1 convolutions of its parts; other readers keep the concatenation."""
  changes = {}
  for node in graph.nodes:
    source = graph[node.inputs[0]] if node.is_pointwise else None
    if source is None or source.op != 'concat' or node['pad']:
      continue
    parts, start = [], 0
    for index, name in enumerate(source.inputs):
      end = start + graph[name].shape[-1]
      bias = node['bias'] if index == 0 else np.zeros_like(node['bias'])
      parts.append(node.having(name=f'{node.name}/part{index}', inputs=(name,), kernel=node['kernel'][:, :, start:end], bias=bias))
      start = end
    changes[node.name] = (*parts, Node(node.name, 'add', tuple(part.name for part in parts), node.shape))
  return graph.replaced(changes)


def unstride_pointwise(graph: Graph) -> Graph:
  """A 1x1 convolution of stride 2 as a depthwise one that keeps every second pixel, and a 1x1 convolution of stride 1."""
  changes = {}
  for node in graph.nodes:
    if node.op != 'conv' or node['kernel'].shape[:2] != (1, 1) or node['stride'] == 1 or node['pad']:
      continue
    channels = node['kernel'].shape[2]
    kernel = np.zeros((3, 3, channels))
    kernel[1, 1] = 1
    name, shape = f'{node.name}/every_second', (*node.shape[:2], channels)
    settings, arrays = {'stride': node['stride'], 'pad': 1}, {'kernel': kernel, 'bias': np.zeros(channels)}
    changes[node.name] = (Node(name, 'depthwise', node.inputs, shape, settings, arrays), node.having(inputs=(name,), stride=1))
  return graph.replaced(changes)


def crop_kernels(graph: Graph) -> Graph:
  """Padded convolutions without the rings of zeros around their kernels; a 1x1 depthwise kernel stays 3x3."""
  changes = {}
  for node in graph.nodes:
    if node.op not in ('conv', 'depthwise'):
      continue
    kernel, pad = node['kernel'], node['pad']
    smallest = 3 if node.op == 'depthwise' else 1
    while pad and kernel.shape[0] > smallest and not _ring(kernel).any():
      kernel, pad = kernel[1:-1, 1:-1], pad - 1
    if pad != node['pad']:
      changes[node.name] = (node.having(kernel=kernel, pad=pad),)
  return graph.replaced(changes)


def repeat_pixels(graph: Graph) -> Graph:
  """A network that ends in a 1x1 convolution with each pixel of its map four times: the end that sparse inference has for maps.

  Where it ends otherwise, the graph as it is.
  """
  end = graph[graph.output]
  if not end.is_pointwise:
    return graph
  wide = end.having(kernel=np.tile(end['kernel'], 4), bias=np.tile(end['bias'], 4), shape=(*end.shape[:2], 4 * end.shape[2]))
  shape = (2 * end.shape[0], 2 * end.shape[1], end.shape[2])
  pixels = Node(f'{end.name}/pixels', 'depth_to_space', (end.name,), shape)
  return Graph(tuple(wide if node is end else node for node in graph.nodes) + (pixels,), pixels.name)


def _ring(kernel: np.ndarray) -> np.ndarray:
  inner = np.zeros(kernel.shape[:2], bool)
  inner[1:-1, 1:-1] = True
  return kernel[~inner]

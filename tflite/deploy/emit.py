"""A deployment graph as a TensorFlow function, ready for conversion."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from st_tf.models.activations import ACTIVATIONS
from tflite.deploy.graph import Graph, Node


def emit(graph: Graph) -> Callable[[tf.Tensor], tf.Tensor]:
  """The function [batch, height, width, channels] float32 -> output that the graph describes."""

  def run(image: tf.Tensor) -> tf.Tensor:
    values = {graph.nodes[0].name: tf.convert_to_tensor(image)}
    for node in graph.nodes[1:]:
      values[node.name] = _value(node, [values[name] for name in node.inputs])
    return values[graph.output]

  return run


def _value(node: Node, inputs: list[tf.Tensor]) -> tf.Tensor:
  x = inputs[0]
  if node.op == 'conv':
    return _convolved(node, x, lambda x, padding: tf.nn.conv2d(x, _constant(node['kernel']), node['stride'], padding))
  if node.op == 'depthwise':
    kernel, strides = _constant(node['kernel'][..., None]), (1, node['stride'], node['stride'], 1)
    return _convolved(node, x, lambda x, padding: tf.nn.depthwise_conv2d(x, kernel, strides, padding))
  if node.op == 'affine':
    return x * _constant(node['scale']) + _constant(node['shift'])
  if node.op == 'add':
    total = x
    for other in inputs[1:]:
      total = total + other
    return total
  if node.op == 'concat':
    return tf.concat(inputs, -1)
  if node.op == 'act':
    return ACTIVATIONS[node['kind']](x)
  if node.op == 'resize':
    return tf.image.resize(x, node.shape[:2], node['method'])
  if node.op == 'depth_to_space':
    return tf.nn.depth_to_space(x, 2)
  if node.op == 'mean':
    return tf.reduce_mean(x, (1, 2))
  return x @ _constant(node['kernel']) + _constant(node['bias'])


def _convolved(node: Node, x: tf.Tensor, convolve: Callable[[tf.Tensor, str], tf.Tensor]) -> tf.Tensor:
  """'SAME' is symmetric at stride 1 only; at stride 2 runtimes melt the padding into the convolution."""
  pad = node['pad']
  if node['stride'] == 1 and 2 * pad == node['kernel'].shape[0] - 1:
    x = convolve(x, 'SAME')
  else:
    x = convolve(tf.pad(x, [[0, 0], [pad, pad], [pad, pad], [0, 0]]) if pad else x, 'VALID')
  return x + _constant(node['bias'])


def _constant(value: np.ndarray) -> tf.Tensor:
  return tf.constant(value, tf.float32)

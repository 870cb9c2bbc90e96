"""What SynFlow scores: how much of an input of ones comes through a network whose parameters are all positive."""

from collections.abc import Callable
import dataclasses

import numpy as np
import tensorflow as tf

from st_tf.arch.graph import Architecture, Graph, Node
from st_tf.methods._first_mask import weights
from st_tf.models import build, named_variables
from st_tf.models.precision import computed_in
from st_tf.pruning.saliency import Weights
from st_tf.training.trainer import Trainer

# What is added or subtracted, where the flow is a sum of products along paths.
_ADDED = ('beta', 'bias', 'moving_mean')
# What changes nothing that is positive, and what would subtract, saturate or divide.
_PASSED = frozenset({
  'Activation', 'ReLU', 'LeakyReLU', 'ELU', 'PReLU', 'ThresholdedReLU', 'Softmax', 'Rescaling', 'Normalization', 'LayerNormalization',
  'GroupNormalization', 'UnitNormalization',
})  # fmt: skip


def positive_flow(trainer: Trainer) -> tuple[Weights, Callable[[], tf.Tensor]]:
  """(the prunable weights, the sum of outputs for an input of ones) of a copy with positive parameters, in double precision.

  Activations are ReLU or none, which changes nothing that is positive: those that saturate would stop the flow. Nothing is added either:
  a trained network's batch norms would subtract more than comes through.
  """
  # A policy and not floatx, which counts for nothing where somebody has set a policy.
  with computed_in('float64'):
    model = build(_unbounded(trainer.arch), trainer.task.head, (*trainer.task.image_size, 3))
  variables, values = named_variables(model), trainer.values()
  for name, variable in variables.items():
    variable.assign(np.zeros(variable.shape) if name.rpartition('/')[2] in _ADDED else np.abs(values[name]))
  ones = tf.ones((1, *model.input_shape[1:]), tf.float64)
  return {name: variables[name] for name in weights(trainer)}, lambda: tf.reduce_sum(model(ones, training=False))


def _unbounded(arch: Architecture) -> Architecture:
  """The network with activations that let everything positive through."""
  if isinstance(arch, Graph):
    return Graph(tuple(map(_unbounded_node, arch.nodes)), arch.outputs)
  return dataclasses.replace(arch, activation='relu')


def _unbounded_node(node: Node) -> Node:
  if node.kind in _PASSED:
    return dataclasses.replace(node, kind='Activation', config={'activation': 'linear'}, weights={})
  if node.kind == 'Subtract':
    return dataclasses.replace(node, kind='Add', config={})
  if 'activation' in node.config:
    return dataclasses.replace(node, config={**node.config, 'activation': 'linear'})
  return node

"""Factors that are the scales of batch norms before activations, as in the paper, and the constants that dead units leave.

A unit whose scale is zero still says the activation of its offset. What the layers that read it make of that is carried on: off
the mean of the batch norm behind them, or onto their bias. Groups of which that cannot be told exactly have no such factors.
"""

from collections.abc import Mapping
import dataclasses

import numpy as np
import tensorflow as tf

from st_tf.arch.graph import INPUT, Graph, Node
from st_tf.models.graph import build_graph
from st_tf.search.channels import Alive, ChannelGroup, Channels, Kernel
from st_tf.search.factors import point
from st_tf.search.scores import offset_of

_NORM = 'BatchNormalization'
# What makes of a constant a constant, and needs no variables for it.
_CONSTANT = frozenset({
  'Activation', 'ReLU', 'LeakyReLU', 'ELU', 'ThresholdedReLU', 'Dropout', 'CountedDropout', 'SpatialDropout2D', 'StochasticDepth',
  'GlobalAveragePooling1D', 'GlobalAveragePooling2D', 'GlobalMaxPooling1D', 'GlobalMaxPooling2D',
})  # fmt: skip


def norm_of(channels: Channels, group: ChannelGroup) -> str:
  """The batch norm whose scales are the factors of a group; '' = none, or one whose constants cannot be carried on exactly."""
  chain = _chain(channels, point(channels, group), group)
  if not chain:
    return ''
  graph = channels.graph
  behind = [node for node in graph.nodes if chain[-1].name in node.inputs]
  kernels = {kernel.layer: kernel for kernel in channels.kernels if kernel.reads is not None}
  carried = all(node.layer in kernels and _takes_constants(graph, node, kernels[node.layer]) for node in behind)
  return chain[0].layer if carried else ''


@dataclasses.dataclass(frozen=True)
class OffsetCarrier:
  """Carries on what dead units say whose factors are scales of batch norms.

  Attributes:
    channels: of the network as it stands.
    alive: booleans per unit by group name.
    norms: the batch norms by group name.
  """

  channels: Channels
  alive: Alive
  norms: Mapping[str, str]

  def carry(self, values: Mapping[str, np.ndarray], effective: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`values` with every dead unit's constant in the norm or the bias behind what reads it.

    Args:
      values: the network's variables by name, before slicing; the factors of dead units count as zero.
      effective: the kernels that the layers compute with, by name, where they differ from `values` (pruning).
    """
    carried = dict(values)
    for group in self.channels.groups:
      if group.name in self.norms and group.name in self.alive and not self.alive[group.name].all():
        self._carry(group, carried, effective)
    return carried

  def _carry(self, group: ChannelGroup, values: dict[str, np.ndarray], effective: Mapping[str, np.ndarray]) -> None:
    graph = self.channels.graph
    chain = _chain(self.channels, point(self.channels, group), group)
    said = np.where(self.alive[group.name], 0, _said(chain, values[f'{self.norms[group.name]}/beta']))
    constants = np.zeros(self.channels.units)
    constants[group.ids] = said
    for kernel in self.channels.kernels:
      if kernel.reads is None or graph[kernel.layer].inputs[0] != chain[-1].name:
        continue
      columns = effective.get(kernel.name, values[kernel.name]).astype(np.float64)
      added = constants[kernel.axes[kernel.reads]] @ columns.reshape(columns.shape[-2:])
      name, sign = offset_of(graph, kernel.layer)
      values[name] = (values[name] + sign * added).astype(np.float32)


def _chain(channels: Channels, last: str, group: ChannelGroup) -> list[Node]:
  """The nodes from the batch norm with a group's factors to the one that all who read them go through; none where there is no such."""
  chain: list[Node] = []
  while last:
    node = channels.graph[last]
    chain.insert(0, node)
    if node.kind == _NORM:
      own = {'gamma', 'beta'} <= set(node.weights) and node.name == node.layer
      return chain if own and len(chain) > 1 and np.array_equal(channels.outputs[node.name], group.ids) else []
    if node.kind not in _CONSTANT or node.weights or len(node.inputs) != 1:
      return []
    last = node.inputs[0]
  return []


def _takes_constants(graph: Graph, node: Node, kernel: Kernel) -> bool:
  """Whether a layer makes of a constant one that its bias, or the batch norm behind it, takes up; one of larger kernels sees padding."""
  once = sum(other.layer == node.layer for other in graph.nodes) == 1
  if not once or set(kernel.shape[:-2]) - {1} or kernel.reads != len(kernel.shape) - 2 or not kernel.name.endswith('/kernel'):
    return False
  return offset_of(graph, node.name) is not None


def _said(chain: list[Node], offsets: np.ndarray) -> np.ndarray:
  """What units say of which only the offsets are left, [units]."""
  shape = (*(1 for _ in chain[0].shape[:-1]), len(offsets))
  first = Node('offsets', INPUT, {}, (), shape)
  rest = (dataclasses.replace(chain[1], inputs=('offsets',)), *chain[2:])
  said = build_graph(Graph((first, *rest), (chain[-1].name,)))(tf.reshape(tf.constant(offsets), (1, *shape)), training=False)
  return said.numpy().reshape(-1)

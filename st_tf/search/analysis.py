"""Which channels of a network live and die together, as pure functions on its graph.

A convolution or dense layer makes channels. Norms, activations, depthwise convolutions and pooling keep them, sums and
products join those of their inputs, a concatenation puts them one after the other (the dependency graph of DepGraph:
Fang et al., CVPR 2023, in terms of Keras layers). What is not understood holds its units: they stay, and the group names
what holds it.
"""

import collections
from collections.abc import Callable, Iterable, Mapping
import functools
import math

import numpy as np

from st_tf.arch.graph import INPUT, Graph, Node
from st_tf.search.channels import ChannelGroup, Channels, Ids, Kernel

# What makes of each channel one channel, by itself, whatever the others are.
_KEEPS = frozenset({
  'Activation', 'ReLU', 'LeakyReLU', 'ELU', 'ThresholdedReLU', 'Dropout', 'CountedDropout', 'SpatialDropout1D', 'SpatialDropout2D',
  'SpatialDropout3D', 'GaussianNoise', 'GaussianDropout', 'AlphaDropout', 'ActivityRegularization', 'Rescaling', 'StochasticDepth',
  'MaxPooling1D', 'MaxPooling2D', 'MaxPooling3D', 'AveragePooling1D', 'AveragePooling2D', 'AveragePooling3D',
  'GlobalAveragePooling1D', 'GlobalAveragePooling2D', 'GlobalAveragePooling3D', 'GlobalMaxPooling1D', 'GlobalMaxPooling2D',
  'GlobalMaxPooling3D', 'ZeroPadding1D', 'ZeroPadding2D', 'ZeroPadding3D', 'Cropping1D', 'Cropping2D', 'Cropping3D', 'UpSampling1D',
  'UpSampling2D', 'UpSampling3D', 'Resizing', 'CenterCrop',
})  # fmt: skip
_NORMS = frozenset({'BatchNormalization', 'SyncBatchNormalization', 'TokenNorm', 'ChannelScale', 'ChannelShift', 'LayerScale', 'PReLU'})
_SUMS = frozenset({'CustomScaleLayer', 'Add', 'Subtract', 'Average', 'Maximum', 'Minimum'})
_JOINS = _SUMS | {'Multiply'}
_CONVOLUTIONS = frozenset({'Conv1D', 'Conv2D', 'Conv3D', 'GroupedConv2D'})
_TRANSPOSED = frozenset({'Conv1DTranspose', 'Conv2DTranspose', 'Conv3DTranspose'})
_DEPTHWISE = frozenset({'DepthwiseConv1D', 'DepthwiseConv2D'})
_SEPARABLE = frozenset({'SeparableConv1D', 'SeparableConv2D'})
_MIXING_ACTIVATIONS = frozenset({'softmax', 'log_softmax'})  # Over the channels.


@functools.lru_cache(maxsize=4)
def analyse(graph: Graph) -> Channels:
  """The channel groups of a graph."""
  return _Analysis(graph).result()


class _Analysis:
  """Goes through the graph once. Channels are numbered as they are made; `_parents` is a forest of those that are joined."""

  def __init__(self, graph: Graph):
    self._graph = graph
    self._parents: list[int] = []
    self._makers: list[str] = []  # By channel.
    self._held: dict[int, list[str]] = {}
    self._summed: set[int] = set()
    self._channels: dict[str, Ids] = {}  # By node.
    self._axes: dict[str, dict[int, Ids]] = {}
    self._kernels: list[tuple[str, tuple[int, ...], int, int | None]] = []
    for node in graph.nodes:
      self._channels[node.name] = self._rule(node)(node, [self._channels[name] for name in node.inputs])
    for name in graph.outputs:
      self._hold(self._channels[name], 'output')

  def result(self) -> Channels:
    roots = np.array([self._root(channel) for channel in range(len(self._parents))], int)
    _, first, ids = np.unique(roots, return_index=True, return_inverse=True)
    order = np.argsort(first, kind='stable')  # Units in the order in which their first channels were made.
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    ids = rank[ids]
    axes = {name: {axis: ids[channels] for axis, channels in found.items()} for name, found in self._axes.items()}
    kernels = tuple(Kernel(name, shape, positions, axes[name], reads) for name, shape, positions, reads in self._kernels)
    outputs = {name: ids[channels] for name, channels in self._channels.items()}
    return Channels(self._graph, self._groups(ids), axes, kernels, outputs, len(order))

  def _groups(self, ids: Ids) -> tuple[ChannelGroup, ...]:
    makers: dict[int, dict[str, None]] = {}
    for channel, unit in enumerate(ids):
      makers.setdefault(int(unit), {})[self._makers[channel]] = None
    held: dict[int, dict[str, None]] = {}
    for channel, names in self._held.items():
      held.setdefault(int(ids[channel]), {}).update(dict.fromkeys(names))
    summed = {int(ids[channel]) for channel in self._summed}
    together: dict[tuple[str, ...], list[int]] = {}
    for unit in sorted(makers):
      together.setdefault(tuple(makers[unit]), []).append(unit)
    groups: list[ChannelGroup] = []
    taken: collections.Counter[str] = collections.Counter()
    for names, units in together.items():
      name, number = names[0], taken[names[0]]
      taken[name] += 1
      if number:  # A layer of whose channels only some are joined with another's.
        name = f'{name}+{number}'
      holding = tuple(dict.fromkeys(layer for unit in units for layer in held.get(unit, ())))
      groups.append(ChannelGroup(name, names, np.array(units), not summed.isdisjoint(units), holding))
    return tuple(groups)

  def _rule(self, node: Node) -> Callable[[Node, list[Ids]], Ids]:
    """What a node does with channels."""
    if node.kind == INPUT:
      return self._input
    if node.config.get('data_format', 'channels_last') != 'channels_last':
      return self._unknown
    if node.config.get('activation') in _MIXING_ACTIVATIONS and node.kind not in ('Dense', *_CONVOLUTIONS):
      return self._unknown
    for kinds, rule in (
      (_CONVOLUTIONS, self._convolution),
      (_TRANSPOSED, self._transposed),
      (_DEPTHWISE, self._depthwise),
      (_SEPARABLE, self._separable),
      (_NORMS, self._norm),
      (_JOINS, self._join),
      (_KEEPS, self._keep),
    ):
      if node.kind in kinds:
        return rule
    named = {'Dense': self._dense, 'Concatenate': self._concatenate, 'Flatten': self._flatten, 'Reshape': self._reshape}
    return {**named, 'Permute': self._permute, 'TokenTransformer': self._attend}.get(node.kind, self._unknown)

  # What makes channels.

  def _input(self, node: Node, inputs: list[Ids]) -> Ids:
    return self._hold(self._made(node, node.shape[-1] or 0), 'input')

  def _convolution(self, node: Node, inputs: list[Ids]) -> Ids:
    read, outputs = node.weights['kernel'][-2:]
    groups = node.config.get('groups', 1)
    rank = len(node.weights['kernel'])
    if groups > 1 and read == 1:  # A depthwise convolution by another name.
      made = np.repeat(inputs[0], outputs // groups)
      self._kernel(node, 'kernel', {rank - 1: made}, None)
    else:
      made = self._made(node, outputs)
      if groups > 1:  # The same places of all groups go together: what is left has as many groups.
        for channels in (inputs[0].reshape(groups, -1), made.reshape(groups, -1)):
          for other in channels[1:]:
            self._unite(channels[0], other)
      self._kernel(node, 'kernel', {rank - 2: inputs[0][:read], rank - 1: made}, rank - 2)
    return self._biased(node, self._activated(node, made))

  def _transposed(self, node: Node, inputs: list[Ids]) -> Ids:
    rank = len(node.weights['kernel'])
    made = self._made(node, node.weights['kernel'][-2])
    self._kernel(node, 'kernel', {rank - 2: made, rank - 1: inputs[0]}, rank - 1)
    return self._biased(node, self._activated(node, made))

  def _depthwise(self, node: Node, inputs: list[Ids]) -> Ids:
    shape = node.weights['depthwise_kernel']
    self._kernel(node, 'depthwise_kernel', {len(shape) - 2: inputs[0]}, None)
    return self._biased(node, np.repeat(inputs[0], shape[-1]))

  def _separable(self, node: Node, inputs: list[Ids]) -> Ids:
    shape = node.weights['depthwise_kernel']
    self._kernel(node, 'depthwise_kernel', {len(shape) - 2: inputs[0]}, None)
    made = self._made(node, node.weights['pointwise_kernel'][-1])
    axes = {len(shape) - 2: np.repeat(inputs[0], shape[-1]), len(shape) - 1: made}
    self._kernel(node, 'pointwise_kernel', axes, len(shape) - 2)
    return self._biased(node, self._activated(node, made))

  def _dense(self, node: Node, inputs: list[Ids]) -> Ids:
    made = self._made(node, node.weights['kernel'][-1])
    self._kernel(node, 'kernel', {0: inputs[0], 1: made}, 0)
    return self._biased(node, self._activated(node, made))

  def _unknown(self, node: Node, inputs: list[Ids]) -> Ids:
    for channels in inputs:
      self._hold(channels, node.name)
    return self._hold(self._made(node, node.shape[-1] or 0), node.name)

  # What keeps them.

  def _keep(self, node: Node, inputs: list[Ids]) -> Ids:
    if node.kind == 'Rescaling' and any(isinstance(node.config[name], (list, tuple)) for name in ('scale', 'offset')):
      return self._hold(inputs[0], node.name)
    return inputs[0]

  def _norm(self, node: Node, inputs: list[Ids]) -> Ids:
    axis = node.config.get('axis', -1)
    last = axis[0] if isinstance(axis, (list, tuple)) and len(axis) == 1 else axis
    if last not in (-1, len(node.shape)):
      return self._unknown(node, inputs)
    for name, shape in node.weights.items():
      self._axis(node, name, len(shape) - 1, inputs[0])
    return inputs[0]

  def _attend(self, node: Node, inputs: list[Ids]) -> Ids:
    """Between tokens: each keeps its place, and has a query of its own."""
    self._axis(node, 'queries', 0, inputs[0])
    return inputs[0]

  def _join(self, node: Node, inputs: list[Ids]) -> Ids:
    widest = max(inputs, key=len)
    for channels in inputs:
      if len(channels) != len(widest):  # One channel for all: none of theirs alone.
        self._hold(channels, node.name)
        continue
      if node.kind in _SUMS and channels is not widest:
        self._summed.update(int(channel) for channel in (*channels, *widest))
      self._unite(widest, channels)
    return widest

  def _concatenate(self, node: Node, inputs: list[Ids]) -> Ids:
    if node.config.get('axis', -1) in (-1, len(node.shape)):
      return np.concatenate(inputs)
    for channels in inputs[1:]:
      self._unite(inputs[0], channels)
    return inputs[0]

  def _flatten(self, node: Node, inputs: list[Ids]) -> Ids:
    return np.tile(inputs[0], node.shape[-1] // len(inputs[0]))

  def _reshape(self, node: Node, inputs: list[Ids]) -> Ids:
    if node.shape[-1] == len(inputs[0]):
      return inputs[0]
    return self._flatten(node, inputs) if len(node.shape) == 1 else self._unknown(node, inputs)

  def _permute(self, node: Node, inputs: list[Ids]) -> Ids:
    return inputs[0] if node.config['dims'][-1] == len(node.config['dims']) else self._unknown(node, inputs)

  # What is noted.

  def _made(self, node: Node, count: int) -> Ids:
    made = np.arange(len(self._parents), len(self._parents) + count)
    self._parents.extend(int(channel) for channel in made)
    self._makers.extend([node.layer] * count)
    return made

  def _activated(self, node: Node, channels: Ids) -> Ids:
    return self._hold(channels, node.name) if node.config.get('activation') in _MIXING_ACTIVATIONS else channels

  def _biased(self, node: Node, channels: Ids) -> Ids:
    if 'bias' in node.weights:
      self._axis(node, 'bias', 0, channels)
    return channels

  def _kernel(self, node: Node, name: str, axes: Mapping[int, Ids], reads: int | None) -> None:
    shape = node.weights[name]
    # A transposed convolution uses its kernel at every position that it reads, all others at every one that they write.
    at = self._graph[node.inputs[0]].shape if node.kind in _TRANSPOSED else node.shape
    self._kernels.append((f'{node.layer}/{name}', shape, math.prod(size or 1 for size in at[:-1]), reads))
    for axis, channels in axes.items():
      self._axis(node, name, axis, channels)

  def _axis(self, node: Node, name: str, axis: int, channels: Ids) -> None:
    """Notes whose channels an axis has; a layer that is called again joins them with those of its first call."""
    before = self._axes.setdefault(f'{node.layer}/{name}', {}).setdefault(axis, channels)
    if before is not channels:
      self._unite(before, channels)

  def _hold(self, channels: Ids, by: str) -> Ids:
    for channel in channels:
      self._held.setdefault(int(channel), []).append(by)
    return channels

  def _unite(self, first: Iterable[int], second: Iterable[int]) -> None:
    for one, other in zip(first, second, strict=True):
      roots = sorted((self._root(int(one)), self._root(int(other))))
      self._parents[roots[1]] = roots[0]

  def _root(self, channel: int) -> int:
    while self._parents[channel] != channel:
      self._parents[channel] = self._parents[self._parents[channel]]
      channel = self._parents[channel]
    return channel

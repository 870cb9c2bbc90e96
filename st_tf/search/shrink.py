"""Physical shrinking: the network without its dead units, as pure functions on arrays.

A unit whose factor is zero still sends ReLU(beta) through its projection, a constant per output channel. It is taken off
the mean of the block's last batch norm; where the whole block goes, what that batch norm makes of it stays as a shift on
the skip. So the function in inference stays the same.
"""

from collections.abc import Callable, Mapping
import dataclasses

import numpy as np
import tensorflow as tf
import tf_keras as keras

from st_tf.arch.graph import Architecture, Graph
from st_tf.arch.specs import ArchSpec, Block, BlockSpec, HeadSpec, layout
from st_tf.models.activations import ACTIVATIONS
from st_tf.search import depth
from st_tf.search.channels import Slices
from st_tf.search.factors import Factors
from st_tf.search.offsets import OffsetCarrier
from st_tf.search.units import channels_of, searched

Values = dict[str, np.ndarray]


def shrunk_arch(arch: ArchSpec, head: HeadSpec, alive: Mapping[str, np.ndarray]) -> ArchSpec:
  """The network that is left.

  Args:
    arch: the network as it stands.
    head: its head.
    alive: booleans per unit by group name.
  """
  changes = {}
  for block in layout(arch, head):
    kernels = tuple((size, _count(alive, f'{block.name}/k{size}', units)) for size, units in block.spec.kernels)
    tokens = _count(alive, f'{block.name}/transformer', block.spec.tokens)
    left = tuple((size, units) for size, units in kernels if units)
    emptied = (bool(block.spec.kernels) and not left) or (bool(block.spec.tokens) and not tokens)
    spec = BlockSpec(left, tokens, block.spec.shift or emptied)
    if spec != block.spec:
      changes[block.name] = spec
  return arch.with_searched(changes)


def slices(model: keras.Model, arch: Architecture, head: HeadSpec, alive: Mapping[str, np.ndarray]) -> Slices:
  """Which entries of which axes survive: {'layer/variable': ((axis, indices), ...)}; what is not named stays whole.

  Args:
    model: the network as it stands.
    arch: its description.
    head: its head.
    alive: booleans per unit by group name.
  """
  channels = channels_of(model, arch)
  if isinstance(arch, Graph):
    return channels.slices(alive)
  return channels.slices({group.name: alive[name] for name, group in searched(channels, arch, head).items() if name in alive})


def take(values: Mapping[str, np.ndarray], kept: Slices, names: Mapping[str, tuple[int, ...]]) -> Values:
  """The surviving entries of `values` for the variables of the smaller network.

  Args:
    values: arrays by variable name (weights, averages, masks or optimizer slots).
    kept: what `slices` returned.
    names: shapes of the smaller network's variables; those without a value are new and zero (shifts).
  """
  taken = {}
  for name, shape in names.items():
    if name not in values:
      taken[name] = np.zeros(shape, np.float32)
    elif name in kept and values[name].ndim:
      taken[name] = _cut(values[name], kept[name])
    else:
      taken[name] = values[name]
  return taken


def take_masks(entries: Mapping[str, np.ndarray], kept: Slices) -> Values:
  """Slices masks; scalars, and what belongs to layers that are gone, pass through."""
  return {name: _cut(value, kept[name]) if name in kept and value.ndim else value for name, value in entries.items()}


def without(
  model: keras.Model, arch: Architecture, head: HeadSpec, alive: Mapping[str, np.ndarray], factors: Factors | None = None
) -> tuple[Architecture, Slices, 'Carrier | GraphCarrier | None']:
  """(the network that is left, which entries survive, what carries constants on; None where dead units leave none).

  Args:
    model: the network as it stands.
    arch: its description.
    head: its head.
    alive: booleans per unit by group name.
    factors: of a graph that is searched by them.
  """
  kept = slices(model, arch, head, alive)
  if isinstance(arch, Graph):
    channels = channels_of(model, arch)
    left, norms = channels.emptied(alive), factors.norms if factors else {}
    carrier = GraphCarrier(OffsetCarrier(channels, alive, norms), left) if left.shifts or norms else None
    return channels.shrunk(alive), kept, carrier
  carrier = Carrier(arch, head, alive, lambda values: ACTIVATIONS[arch.activation](tf.constant(values)).numpy())
  return shrunk_arch(arch, head, alive), kept, carrier


def _cut(value: np.ndarray, cuts: tuple[tuple[int, np.ndarray], ...]) -> np.ndarray:
  for axis, indices in cuts:
    value = np.take(value, indices, axis)
  return value


@dataclasses.dataclass(frozen=True)
class GraphCarrier:
  """Carries on what dead units of a graph say, and what blocks of which nothing is left add to the skips past them.

  Attributes:
    offsets: of dead units.
    left: what becomes of the network.
  """

  offsets: OffsetCarrier
  left: depth.Emptied

  def carry(self, values: Mapping[str, np.ndarray], effective: Mapping[str, np.ndarray]) -> Values:
    """`values` with the constants of dead units and those of the shifts, in which no kernel has a part."""
    carried = self.offsets.carry(values, effective)
    return {**carried, **depth.constants(self.offsets.channels.graph, self.left, carried)}


@dataclasses.dataclass(frozen=True)
class Carrier:
  """Carries the constants of dead units on.

  Attributes:
    arch: the network as it stands.
    head: its head.
    alive: booleans per unit by group name.
    activation: the network's activation on arrays.
  """

  arch: ArchSpec
  head: HeadSpec
  alive: Mapping[str, np.ndarray]
  activation: Callable[[np.ndarray], np.ndarray]

  def carry(self, values: Mapping[str, np.ndarray], effective: Mapping[str, np.ndarray]) -> Values:
    """`values` with every dead unit's constant moved into the block's last batch norm or into its shift.

    Args:
      values: the network's variables by name, before slicing; the factors of dead units count as zero.
      effective: the kernels that the layers compute with, by name, where they differ from `values` (pruning).
    """
    carried = dict(values)
    for block in layout(self.arch, self.head):
      if block.spec.kernels:
        self._carry_units(block, carried, effective)
      if block.spec.tokens and not self.alive[f'{block.name}/transformer'].any():
        name = f'{block.name}/transformer/bn'
        self._add_shift(block, carried, _normalised(carried, name, np.float32(0), self._epsilon(name)))
    return carried

  def _carry_units(self, block: Block, values: Values, effective: Mapping[str, np.ndarray]) -> None:
    constant = np.zeros(block.out_channels, np.float64)
    for size, _ in block.spec.kernels:
      name = f'{block.name}/k{size}'
      dead = ~self.alive[name]
      project = effective.get(f'{name}/project/kernel', values[f'{name}/project/kernel'])[0, 0]
      constant += self.activation(values[f'{name}/factor_bn/beta'][dead]).astype(np.float64) @ project[dead]
    name = f'{block.name}/bn'
    if any(self.alive[f'{block.name}/k{size}'].any() for size, _ in block.spec.kernels):
      values[f'{name}/moving_mean'] = (values[f'{name}/moving_mean'] - constant).astype(np.float32)
    else:
      self._add_shift(block, values, _normalised(values, name, constant, self._epsilon(name)))

  def _add_shift(self, block: Block, values: Values, constant: np.ndarray) -> None:
    name = f'{block.name}/shift/shift'
    values[name] = (values.get(name, np.float32(0)) + constant).astype(np.float32)

  def _epsilon(self, name: str) -> float:
    return 1e-5 if '/transformer/' in name else self.arch.bn_epsilon


def _normalised(values: Mapping[str, np.ndarray], name: str, constant: np.ndarray, epsilon: float) -> np.ndarray:
  deviation = np.sqrt(values[f'{name}/moving_variance'].astype(np.float64) + epsilon)
  return values[f'{name}/beta'] + values[f'{name}/gamma'] * (constant - values[f'{name}/moving_mean']) / deviation


def _count(alive: Mapping[str, np.ndarray], name: str, default: int) -> int:
  return int(np.count_nonzero(alive[name])) if name in alive else default

"""A run at one moment, as plain data."""

from collections.abc import Mapping
import dataclasses
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Facts:
  """What is known of the facts of a state, by which those of a file are checked.

  Attributes:
    step: training steps taken.
    iterations: those of the optimizer.
    meter: what training has cost.
    requested: sparsity of the last ranking.
    final: whether the mask stays as it is.
    survivors: indices of the units that are left, by group.
    steering: of the penalty.
    sums: of the epoch so far.
    sizes: examples by split.
    config: fingerprint of the run.
    arch: the network.
    supernet: what it was drawn from.
    factors: what is searched of a graph, while it is.
  """

  step: int
  iterations: int
  meter: Mapping[str, Any]
  requested: float
  final: bool
  survivors: Mapping[str, list[int]]
  steering: Mapping[str, Any]
  sums: Mapping[str, float]
  sizes: Mapping[str, int]
  config: str
  arch: Mapping[str, Any]
  supernet: Mapping[str, Any]
  factors: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class State:
  """What goes into a checkpoint.

  Attributes:
    facts: plain data (numbers, lists, strings).
    arrays: arrays by name; the part before the first slashes says what they are.
  """

  facts: dict[str, Any]
  arrays: Arrays

  def part(self, prefix: str) -> Arrays:
    """The arrays whose names start with `prefix`, without it."""
    return {name[len(prefix) :]: value for name, value in self.arrays.items() if name.startswith(prefix)}


@dataclasses.dataclass(frozen=True)
class Memory:
  """What a network in training remembers, by variable name.

  Attributes:
    values: of every variable.
    averages: of those that are averaged; empty = none.
    slots: of the optimizer, {slot: values}.
    iterations: steps that the optimizer has taken.
    pruning: of the pruning wrappers, {part: values}.
  """

  values: Arrays
  averages: Arrays
  slots: dict[str, Arrays]
  iterations: int
  pruning: dict[str, Arrays]

  def arrays(self) -> Arrays:
    """All of it, the number of steps aside, as a state has it."""
    arrays = {f'value/{name}': value for name, value in self.values.items()}
    arrays |= {f'average/{name}': value for name, value in self.averages.items()}
    for kind, parts in (('slot', self.slots), ('pruning', self.pruning)):
      for part, values in parts.items():
        arrays |= {f'{kind}/{part}/{name}': value for name, value in values.items()}
    return arrays

  @classmethod
  def of(cls, state: State) -> 'Memory':
    """The inverse of `arrays`."""
    slots, pruning = (
      {part: state.part(f'{kind}/{part}/') for part in {name.split('/')[0]: None for name in state.part(f'{kind}/')}}
      for kind in ('slot', 'pruning')
    )
    return cls(state.part('value/'), state.part('average/'), slots, state.facts['iterations'], pruning)

"""Which weights are kept."""

from collections.abc import Iterator, Mapping

import numpy as np


class Mask(Mapping[str, np.ndarray]):
  """Booleans of each prunable weight's shape by its name, True for kept.

  Raises:
    ValueError: an entry is not boolean.
  """

  def __init__(self, kept: Mapping[str, np.ndarray]):
    for name, value in kept.items():
      if np.asarray(value).dtype != bool:
        raise ValueError(f'A mask is made of booleans. Received: {name!r} of {np.asarray(value).dtype}.')
    self._kept = {name: np.asarray(value) for name, value in kept.items()}

  def __getitem__(self, name: str) -> np.ndarray:
    return self._kept[name]

  def __iter__(self) -> Iterator[str]:
    return iter(self._kept)

  def __len__(self) -> int:
    return len(self._kept)

  @classmethod
  def dense(cls, shapes: Mapping[str, tuple[int, ...]]) -> 'Mask':
    """Keeps everything."""
    return cls({name: np.ones(shape, bool) for name, shape in shapes.items()})

  @property
  def size(self) -> int:
    """Prunable weights."""
    return sum(value.size for value in self._kept.values())

  @property
  def zeros(self) -> int:
    """Pruned weights."""
    return self.size - sum(int(np.count_nonzero(value)) for value in self._kept.values())

  @property
  def sparsity(self) -> float:
    """Fraction of the prunable weights that is pruned."""
    return self.zeros / self.size if self.size else 0.0

  def returned(self, before: 'Mask') -> int:
    """How many weights are kept here that `before` had pruned."""
    return sum(int(np.count_nonzero(self[name] & ~before[name])) for name in self)

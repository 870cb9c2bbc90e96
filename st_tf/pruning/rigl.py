"""Dynamic sparse training by dropping small weights and growing where the gradient is large (RigL: Evci et al., ICML 2020).

Pure functions on arrays by weight name.
"""

from collections.abc import Mapping
import math

import numpy as np

from st_tf.pruning.mask import Mask


def drop_fraction(step: int, end: int, first: float = 0.3) -> float:
  """Share of each layer's living weights that an update at `step` exchanges: a cosine from `first` to 0 at `end` (section 3)."""
  return first / 2 * (1 + math.cos(math.pi * min(step / end, 1.0)))


def exchanged(mask: Mask, magnitudes: Mapping[str, np.ndarray], gradients: Mapping[str, np.ndarray], fraction: float) -> Mask:
  """The mask after one update: every layer drops its smallest living weights, and grows as many others.

  Dropped weights compete with those that were not alive, as in the paper's Algorithm 1: one that has a large gradient stays, at zero.

  Args:
    mask: before.
    magnitudes: |w|, by weight name.
    gradients: of the loss, with respect to every weight, alive or not.
    fraction: of each layer's living weights; rounded down.
  """
  return Mask({name: _layer(kept, magnitudes[name], np.abs(gradients[name]), fraction) for name, kept in mask.items()})


def grown(before: Mask, after: Mask, magnitudes: Mapping[str, np.ndarray], fraction: float) -> dict[str, np.ndarray]:
  """Which weights begin anew, at zero, by an update: those that were not alive, and those that were dropped and grown again."""
  return {name: after[name] & ~_stays(kept, magnitudes[name], fraction) for name, kept in before.items()}


def _layer(kept: np.ndarray, magnitudes: np.ndarray, gradients: np.ndarray, fraction: float) -> np.ndarray:
  stays = _stays(kept, magnitudes, fraction)
  count = int(kept.sum() - stays.sum())
  # Stable, so that ties are decided by the place and runs can be repeated.
  order = np.argsort(-np.where(stays, -1.0, gradients).ravel(), kind='stable')
  mask = stays.ravel().copy()
  mask[order[:count]] = True
  return mask.reshape(kept.shape)


def _stays(kept: np.ndarray, magnitudes: np.ndarray, fraction: float) -> np.ndarray:
  count = int(fraction * kept.sum())
  order = np.argsort(np.where(kept, magnitudes, np.inf).ravel(), kind='stable')
  stays = kept.ravel().copy()
  stays[order[:count]] = False
  return stays.reshape(kept.shape)

"""Scores -> exact top-k -> mask, as pure functions.

Ties: of equal scores the one that comes first (network order, then row-major) is pruned first. Counts: of N weights
exactly floor(sparsity * N) are pruned.
"""

from collections.abc import Mapping
import math

import numpy as np

from st_tf.config.groups import RANKINGS
from st_tf.errors import UserError, did_you_mean
from st_tf.pruning.mask import Mask

_ROUNDING = 1e-9  # 0.29 * 100 is 28.999999999999996


class RankingError(UserError):
  """A sparsity that this network cannot have."""


def rank(
  scores: Mapping[str, np.ndarray],
  sparsity: float,
  ranking: str = 'global',
  floor: float = 0.0,
  prices: Mapping[str, float] | None = None,
) -> Mask:
  """Keeps the highest scores.

  Args:
    scores: by weight name; negative ones are of weights that are kept only where the others do not suffice.
    sparsity: fraction of all weights to prune, in [0, 1).
    ranking: 'global' compares all weights with each other; 'macs' does so per root of the MACs that a weight costs; 'lamp' by what
      a weight is among those of its layer that are no smaller; 'layer' prunes the same fraction of each; 'erk' gives layer densities in
      proportion to (sum of dimensions) / (product of dimensions) (Erdos-Renyi kernel; RigL, ICML 2020, section 3).
    floor: smallest fraction of its weights that each layer keeps; always at least one weight.
    prices: MACs that a weight costs, by weight name, for 'macs'.

  Raises:
    RankingError: no such ranking, sparsity outside [0, 1), no prunable weights, floors that do not allow it, or 'macs' without prices.
  """
  if ranking not in RANKINGS:
    raise RankingError(f'A ranking is one of {", ".join(RANKINGS)}. Received: {ranking!r}.{did_you_mean(ranking, RANKINGS)}')
  if not 0 <= sparsity < 1:
    raise RankingError(f'Sparsity lies in [0, 1). Received: {sparsity}.')
  sizes = {name: value.size for name, value in scores.items()}
  total = sum(sizes.values())
  if not total:
    raise RankingError('Pruning needs prunable weights. Received: a network that has none.')
  keep = total - math.floor(sparsity * total + _ROUNDING)
  least = {name: max(1, math.ceil(floor * size - _ROUNDING)) for name, size in sizes.items()}
  if keep < sum(least.values()):
    reachable = 1 - sum(least.values()) / total
    raise RankingError(
      f'No layer is emptied: each keeps at least {floor:.2%} of its weights and at least one. Received: sparsity {sparsity};'
      f' at most {reachable:.6f} is reachable here. Lower the sparsity (--sparsity) or the floor (--layer_floor).'
    )
  if ranking == 'macs':
    if prices is None:
      raise RankingError(
        "A ranking by MACs knows what a weight costs. Received: --ranking=macs where no network's costs are at hand. Use --ranking=erk."
      )
    scores = {name: value / math.sqrt(prices[name]) for name, value in scores.items()}
  if ranking == 'lamp':
    scores = {name: lamp(value) for name, value in scores.items()}
  if ranking in ('layer', 'erk'):
    wanted = _uniform(sizes, keep) if ranking == 'layer' else _erk({name: value.shape for name, value in scores.items()}, keep)
    competing = {name: max(least[name], int(np.count_nonzero(value >= 0))) for name, value in scores.items()}
    # As long as there are enough that may be kept, no layer gets its share by others.
    bounds = (least, competing) if sum(competing.values()) >= keep else (competing, sizes)
    least = _integers(wanted, *bounds, keep)
  return _global(scores, keep, least)


def lamp(scores: np.ndarray) -> np.ndarray:
  """w^2 / (sum of v^2 over the weights v of the layer that are no smaller), by weight (LAMP: Lee et al., ICLR 2021).

  Its root bounds how much of the layer's output goes with a weight when all smaller ones have gone before. The largest of each layer
  has a score of 1, above all others, so that layers can be compared with each other; weights of zero have a score of 0.

  Args:
    scores: magnitudes of a layer's weights; of equal ones the first counts as the smallest. Negative ones, of weights that may not
      return, are not part of the layer and stay as they are.
  """
  flat = np.asarray(scores, np.float64).ravel()
  order = np.argsort(flat, kind='stable')
  squares = np.square(np.maximum(flat[order], 0))
  left = np.cumsum(squares[::-1])[::-1]
  shares = np.empty_like(flat)
  shares[order] = np.divide(squares, left, out=np.zeros_like(squares), where=left > 0)
  return np.where(flat < 0, flat, shares).reshape(scores.shape)


def thresholds(scores: Mapping[str, np.ndarray], mask: Mask, ranking: str = 'global') -> dict[str, float]:
  """The magnitude that separates kept from pruned weights, by weight name; 0 where nothing is pruned.

  Under a global ranking it is one number, except in layers that a floor protects: there it is the layer's own.
  """
  own = {name: _own_threshold(value, mask[name]) for name, value in scores.items()}
  if ranking != 'global':
    return own
  # What the floors protect lies below the level, so that the level is set by the layers they do not touch.
  level = max(own.values(), default=0.0)
  return {name: level if value[mask[name]].min(initial=np.inf) > level else own[name] for name, value in scores.items()}


def _own_threshold(scores: np.ndarray, kept: np.ndarray) -> float:
  # Pruned weights that may not return can have larger scores than kept ones.
  return float(min(scores[~kept].max(initial=0.0), scores[kept].min(initial=np.inf)))


def _top(scores: np.ndarray, count: int) -> np.ndarray:
  pruned = scores.size - count
  if not pruned:
    return np.ones(scores.size, bool)
  scores = np.where(np.isnan(scores), np.inf, scores)  # As in a sort, which has them last.
  level = np.partition(scores, pruned - 1)[pruned - 1]  # Of millions of scores, a tenth of a sort's time.
  kept = scores >= level
  kept[np.flatnonzero(scores == level)[: pruned - (scores.size - np.count_nonzero(kept))]] = False
  return kept


def _global(scores: Mapping[str, np.ndarray], keep: int, least: Mapping[str, int]) -> Mask:
  flat = {name: np.asarray(value, np.float64).ravel() for name, value in scores.items()}
  protected = {name: np.where(_top(value, least[name]), np.inf, value) for name, value in flat.items()}
  kept = _top(np.concatenate(list(protected.values())), keep)
  parts = np.split(kept, np.cumsum([value.size for value in flat.values()])[:-1])
  return Mask({name: part.reshape(scores[name].shape) for name, part in zip(flat, parts)})


def _uniform(sizes: Mapping[str, int], keep: int) -> dict[str, float]:
  total = sum(sizes.values())
  return {name: size * keep / total for name, size in sizes.items()}


def _erk(shapes: Mapping[str, tuple[int, ...]], keep: int) -> dict[str, float]:
  sizes = {name: math.prod(shape) for name, shape in shapes.items()}
  dense: set[str] = set()
  while True:
    left = keep - sum(sizes[name] for name in dense)
    weights = {name: float(sum(shape)) for name, shape in shapes.items() if name not in dense}
    unit = left / sum(weights.values()) if weights else 0.0
    full = {name for name, weight in weights.items() if unit * weight >= sizes[name]}
    if not full:
      return {name: float(sizes[name]) if name in dense else unit * weights[name] for name in shapes}
    dense |= full


def _integers(wanted: Mapping[str, float], least: Mapping[str, int], most: Mapping[str, int], total: int) -> dict[str, int]:
  """Whole numbers near `wanted`, within [least, most], that sum to `total`: largest remainders first."""
  counts = {name: min(max(math.floor(value), least[name]), most[name]) for name, value in wanted.items()}
  order = sorted(wanted, key=lambda name: counts[name] - wanted[name])
  while (missing := total - sum(counts.values())) != 0:
    step = 1 if missing > 0 else -1
    able = [name for name in order[::step] if least[name] <= counts[name] + step <= most[name]]
    for name in able[: abs(missing)]:
      counts[name] += step
  return counts

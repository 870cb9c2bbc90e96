"""Which units of a trained network go, and how what is left says what they said.

A layer that reads some channels does without those that the others explain: the part of a channel that is linear in the kept ones
moves into the kept columns of the kernel, a constant into the bias or the norm behind it. So a unit is worth what it changes in the
layers that read it once the others have taken over: the squared norm of its column, with the norm behind it folded in, times the
variance of its channel that the others leave unexplained. Units go one at a time, always the one that is worth the least per MAC,
and the others take over before the next. It is Optimal Brain Surgeon (Hassibi and Stork, NeurIPS 1992) with the outputs of each
reading layer for the loss, as channel pruning reconstructs them (He et al., ICCV 2017), over all layers at once.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from st_tf.search.channels import Alive, ChannelGroup, Channels, Kernel
from st_tf.search.moments import Moments
from st_tf.search.scores import columns, offset_of

RIDGE = 0.01  # Of the mean variance, added to each: a few hundred pictures say little of a thousand channels.
_NOISE = 1e-4  # Of the mean square, likewise: sums in float32 know no variance far below it.
_PLAIN = ('Conv1D', 'Conv2D', 'Conv3D', 'Dense', 'Conv2DTranspose')  # Linear in each of the channels that they read.


def compensated(channels: Channels, values: Mapping[str, np.ndarray], found: Mapping[str, Moments], alive: Alive) -> dict[str, np.ndarray]:
  """The variables that change where kept units take over from those that go, by 'layer/variable'; those of units that go stay.

  Args:
    channels: of the network.
    values: its variables by 'layer/variable'.
    found: the moments of what its kernels read, by node.
    alive: the units that stay.
  """
  living, changed = channels.living(alive), {}
  for name, kernels in _together(channels, found).items():
    kept = living[_ids(kernels[0])]
    if kept.all() or not kept.any():
      continue
    for kernel in kernels:
      # A transposed convolution misses different amounts from place to place.
      offset = offset_of(channels.graph, kernel.layer) if kernel.reads == len(kernel.shape) - 2 else None
      share, rest = _explained(found[name], kept, offset is not None)
      ways = np.moveaxis(values[kernel.name].astype(np.float64), kernel.reads, -1).copy()
      ways[..., kept] += ways[..., ~kept] @ share.T
      changed[kernel.name] = np.moveaxis(ways, -1, kernel.reads).astype(np.float32)
      if offset is not None:
        variable, sign = offset
        added = (ways[..., ~kept] @ rest).reshape(-1, ways.shape[-2]).sum(0)
        changed[variable] = (values[variable] + sign * added).astype(np.float32)
  return changed


def _ids(kernel: Kernel) -> np.ndarray:
  return kernel.axes[kernel.reads]


def _together(channels: Channels, found: Mapping[str, Moments]) -> dict[str, list[Kernel]]:
  """The kernels in which kept channels can take over from others, by the node that they read."""
  calls: dict[str, int] = {}
  for node in channels.graph.nodes:
    calls[node.layer] = calls.get(node.layer, 0) + 1
  together: dict[str, list[Kernel]] = {}
  for kernel in channels.kernels:
    node = channels.graph[kernel.layer]
    if kernel.reads is None or node.kind not in _PLAIN or calls[node.layer] > 1 or node.inputs[0] not in found:
      continue
    moments, ids = found[node.inputs[0]], _ids(kernel)
    if moments.covariance is not None and len(ids) == len(moments.mean) == len(np.unique(ids)):
      together.setdefault(node.inputs[0], []).append(kernel)
  return together


class Reconstruction:
  """What each unit is worth, while units go.

  Args:
    channels: of the network.
    groups: of which units may go.
    values: its variables by 'layer/variable'.
    found: the moments of what its kernels read, by node.

  Attributes:
    score: of each unit, by unit id.
  """

  def __init__(self, channels: Channels, groups: Iterable[ChannelGroup], values: Mapping[str, np.ndarray], found: Mapping[str, Moments]):
    self.score = np.zeros(channels.units)
    self._readings: dict[int, list[_Reading]] = {}
    searched = np.zeros(channels.units, bool)
    searched[np.concatenate([group.ids for group in groups])] = True
    together = _together(channels, found)
    for name, kernels in together.items():
      ids = _ids(kernels[0])
      if searched[ids].any():
        read = [columns(channels.graph, kernel, values) for kernel in kernels]
        reading = _Reading(ids, found[name], sum(ways.T @ ways for ways in read))
        for unit in ids[searched[ids]].tolist():
          self._readings.setdefault(unit, []).append(reading)
        self.score[ids] += reading.worth
    taking = {kernel.name for kernels in together.values() for kernel in kernels}
    for kernel in channels.kernels:
      source = channels.graph[kernel.layer].inputs[0]
      if kernel.reads is not None and kernel.name not in taking and source in found:
        squares = np.square(columns(channels.graph, kernel, values)).sum(0)
        np.add.at(self.score, _ids(kernel), squares * found[source].variance[: len(squares)])

  def remove(self, unit: int) -> None:
    """Lets the others take over from a unit."""
    for reading in self._readings.get(unit, ()):
      self.score[reading.ids] -= reading.worth
      reading.remove(unit)
      self.score[reading.ids] += reading.worth
    self.score[unit] = 0.0


class _Reading:
  """The channels of a node that are left, and what reads them.

  Attributes:
    ids: their units.
    worth: of each in the kernels that read it.
  """

  def __init__(self, ids: np.ndarray, moments: Moments, products: np.ndarray):
    self.ids = ids.copy()
    self._places = {unit: place for place, unit in enumerate(ids.tolist())}
    # On its diagonal one over the variance that the others leave unexplained; and products of columns, over all kernels.
    self._inverse, self._products = np.linalg.inv(_ridged(moments)), products
    self._weigh()

  def _weigh(self) -> None:
    self.worth = np.maximum(np.diag(self._products), 0) / np.diag(self._inverse)

  def remove(self, unit: int) -> None:
    """Lets the other channels take over from that of a unit, and forgets it."""
    place, last = self._places.pop(unit), len(self.ids) - 1
    row = self._inverse[place] / self._inverse[place, place]
    self._inverse -= np.outer(self._inverse[place], row)
    products, own = self._products[place].copy(), self._products[place, place]
    self._products -= np.outer(products, row)
    self._products -= np.outer(row, products - own * row)
    if place < last:  # The last channel takes the place that is free.
      for matrix in (self._inverse, self._products):
        matrix[place], matrix[:, place] = matrix[last], matrix[:, last]
        matrix[place, place] = matrix[last, last]
      self.ids[place] = self.ids[last]
      self._places[int(self.ids[place])] = place
    self.ids, self._inverse, self._products = self.ids[:last], self._inverse[:last, :last], self._products[:last, :last]
    self._weigh()


def _ridged(moments: Moments, centred: bool = True) -> np.ndarray:
  """The covariance, or with the means the products, regularised: invertible whatever was seen."""
  squares = np.mean(moments.variance + moments.mean**2)
  ridge = RIDGE * (np.mean(moments.variance) if centred else squares) + _NOISE * squares
  products = moments.covariance if centred else moments.covariance + np.outer(moments.mean, moments.mean)
  return products + max(ridge, 1e-12) * np.eye(len(products))


def _explained(moments: Moments, kept: np.ndarray, with_constant: bool) -> tuple[np.ndarray, np.ndarray]:
  """(share of each channel that goes in those that stay [kept, gone], what is left on average [gone])."""
  products = _ridged(moments, with_constant)
  share = np.linalg.solve(products[np.ix_(kept, kept)], products[np.ix_(kept, ~kept)])
  return share, moments.mean[~kept] - moments.mean[kept] @ share

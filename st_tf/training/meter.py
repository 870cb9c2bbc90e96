"""What training has cost: the axis along which methods are compared beside accuracy."""

import dataclasses
from typing import Any

STEP_PASSES = 3  # A training image costs its forward pass and a backward pass of twice that (Evci et al., ICML 2020, appendix H).


@dataclasses.dataclass(frozen=True)
class TrainingCost:
  """All training that a ticket has taken, its sources' included.

  Attributes:
    epochs: images shown in training, in passes over the training data.
    macs: multiply-accumulates of these images in the networks as they were computed: units that have gone count no more, zeros do.
    seconds: wall-clock time, in which each epoch's evaluation is.
  """

  epochs: float = 0.0
  macs: int = 0
  seconds: float = 0.0

  def __add__(self, other: 'TrainingCost') -> 'TrainingCost':
    """Both together."""
    return TrainingCost(self.epochs + other.epochs, self.macs + other.macs, self.seconds + other.seconds)

  @classmethod
  def of(cls, provenance: dict[str, Any]) -> 'TrainingCost':
    """What a ticket says of itself; of tickets that were drawn before they did, nothing but the time."""
    return cls(**provenance.get('training', {'seconds': provenance.get('seconds', 0.0)}))


class Meter:
  """Counts what the training of one trainer costs.

  Attributes:
    before: what it cost to make the ticket that the training began with.
  """

  def __init__(self, examples: int):
    """Starts at nothing; `examples` are one pass over the training data."""
    self.before = TrainingCost()
    self._examples = examples
    self._images = self._macs = 0

  def count(self, images: int, macs: int) -> None:
    """Adds images that were shown to the network, and the multiply-accumulates that all of them took."""
    self._images += images
    self._macs += macs

  def total(self, seconds: float) -> TrainingCost:
    """The cost so far, with what came before; the time is the caller's."""
    return self.before + TrainingCost(self._images / self._examples, self._macs, seconds)

  def state(self) -> dict[str, Any]:
    """What `restore` needs."""
    return {'before': dataclasses.asdict(self.before), 'images': self._images, 'macs': self._macs}

  def restore(self, state: dict[str, Any]) -> None:
    """Goes on from there."""
    self.before, self._images, self._macs = TrainingCost(**state['before']), state['images'], state['macs']

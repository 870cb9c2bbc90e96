"""What training has cost: the axis along which methods are compared beside accuracy."""

import dataclasses
from typing import Any

from st_tf.ticket.facts import TrainingCost

STEP_PASSES = 3  # A training image costs its forward pass and a backward pass of twice that (Evci et al., ICML 2020, appendix H).


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

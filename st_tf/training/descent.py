"""What a training that goes on with a ticket has of it."""

from collections.abc import Mapping, Sequence
import dataclasses

import numpy as np

from st_tf.arch.graph import Architecture
from st_tf.arch.specs import HeadSpec
from st_tf.models import build, cost
from st_tf.ticket import Ticket


@dataclasses.dataclass(frozen=True)
class Part:
  """A part of what a ticket is.

  Attributes:
    ticket: the whole.
    masks: what is kept from now on; empty = everything.
    sparsity: what these masks were asked for.
    supernet: what the network is a part of.
    survivors: original indices of the supernet's units that are left, by group name.
    prunable: how many weights of the supernet may be pruned.
  """

  ticket: Ticket
  masks: Mapping[str, np.ndarray]
  sparsity: float
  supernet: Architecture
  survivors: Mapping[str, Sequence[int]]
  prunable: int

  @classmethod
  def whole(cls, ticket: Ticket) -> 'Part':
    """All of a ticket."""
    return cls(ticket, ticket.masks, ticket.sparsity, ticket.supernet, ticket.survivors, ticket.cost.supernet_prunable)

  def initial(self, head: HeadSpec, shape: tuple[int, int, int]) -> dict[str, int]:
    """What the supernet costs under that head, for images of that shape."""
    ticket = self.ticket
    if (shape, head, self.supernet) == (tuple(ticket.input_shape), ticket.head, ticket.supernet):
      params, macs = ticket.cost.supernet_params, ticket.cost.supernet_macs
    else:
      costs = cost.of(build(self.supernet, head, shape))
      params, macs = costs.params, costs.macs
    return {'params': params, 'macs': macs, 'prunable': self.prunable}

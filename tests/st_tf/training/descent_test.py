import dataclasses

from st_tf.models import build, cost
from st_tf.training.descent import Part
from tests import tiny


def test_all_of_a_ticket_has_what_the_ticket_says(tiny_ticket):
  part = Part.whole(tiny_ticket)
  assert part.masks is tiny_ticket.masks and part.supernet == tiny_ticket.supernet and part.sparsity == tiny_ticket.sparsity
  assert part.initial(tiny_ticket.head, tuple(tiny_ticket.input_shape)) == {
    name: getattr(tiny_ticket.cost, f'supernet_{name}') for name in ('params', 'macs', 'prunable')
  }


def test_of_other_images_the_supernet_is_counted_anew(tiny_ticket):
  shape = (2 * tiny.SIDE, 2 * tiny.SIDE, 3)
  part = dataclasses.replace(Part.whole(tiny_ticket), prunable=5)
  found = cost.of(build(tiny_ticket.supernet, tiny_ticket.head, shape))
  assert part.initial(tiny_ticket.head, shape) == {'params': found.params, 'macs': found.macs, 'prunable': 5}


def test_a_trainer_that_goes_on_with_a_ticket_holds_its_mask(tiny_ticket):
  trainer = tiny.trainer(tiny_ticket.arch, searching=False, sparsity=(tiny_ticket.sparsity,))
  part = Part.whole(tiny_ticket)
  if part.masks.keys() != trainer.mask.keys():
    part = dataclasses.replace(part, masks=dict(trainer.ranked(0.5)), sparsity=0.5)
  trainer.descend(part)
  assert trainer.final and trainer.requested == part.sparsity and trainer.source == tiny_ticket.fingerprint
  assert all((trainer.mask[name] == kept).all() for name, kept in part.masks.items())
  trainer.descend(Part.whole(dataclasses.replace(tiny_ticket, weights={}, masks={})))
  assert trainer.source == '', 'an architecture only'

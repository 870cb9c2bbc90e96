"""Trainings that take no time: each leaves a ticket with a known validation score."""

from collections.abc import Mapping
import dataclasses
import functools
import json
import pathlib

from st_tf.api import delivery
from st_tf.report import ink
from st_tf.ticket import Ticket

# Validation scores by (method, learning rate): the first method trains best with 0.3, the second with 0.1.
SCORES = {('gmp', 0.1): 0.4, ('gmp', 0.3): 0.6, ('snip', 0.1): 0.5, ('snip', 0.3): 0.2}


class Launch:
  """Takes a launcher's place. Of seeds in `broken` and learning rates in `broken_rates` no ticket is left.

  Args:
    ticket: what is left of the others, with the provenance of as many `examples` as it has itself where no others are set.
  """

  broken: tuple[int, ...] = ()
  broken_rates: tuple[float, ...] = ()
  examples: Mapping[str, int] | None = None
  interrupted = stopped = False

  def __init__(self, ticket: Ticket):
    self._ticket, self.done = ticket, []

  def stop(self) -> None:
    self.stopped = True

  def __call__(self, config, path: pathlib.Path) -> str:
    self.done.append((config.method, config.pruning.sparsity, config.seed, config.training.learning_rate, config.epochs))
    if self.interrupted:
      raise KeyboardInterrupt
    if config.seed in self.broken or config.training.learning_rate in self.broken_rates:
      return 'ended by SIGKILL'
    score = SCORES.get((config.method, config.training.learning_rate), 0.3)
    (sparsity,) = config.pruning.sparsity
    before = self._ticket.provenance
    provenance = dataclasses.replace(before, examples=self.examples or before.examples)
    own = dataclasses.replace(self._ticket, sparsity=sparsity, metrics={'validation': {'top1': score}}, provenance=provenance)
    own.save(path / 'tickets' / f'sparsity_{sparsity:g}')
    (path / 'finished.json').write_text(json.dumps([f'sparsity_{sparsity:g}']))
    return ''


@functools.cache
def once():
  """What takes long, as {name: function that does it the first time}: all tickets here have one's weights, and so scores and size."""
  scored, stored_bytes, svg = delivery.scored, delivery.stored_bytes, ink.svg
  scores, sizes, figures = {}, {}, {}

  def scored_once(path, task, batch_size, simple):
    ticket = Ticket.load(path)
    if 'test' in ticket.metrics:
      return ticket
    if not scores:
      scores.update(scored(path, task, batch_size, simple).metrics)
      del scores['validation']
    ticket = dataclasses.replace(ticket, metrics=ticket.metrics | scores)
    ticket.save(path)
    return ticket

  def size_once(ticket):
    return sizes.get(ticket.fingerprint) or sizes.setdefault(ticket.fingerprint, stored_bytes(ticket))

  def svg_once(figure, title):
    return figures.get(title) or figures.setdefault(title, svg(figure, title))

  return {'st_tf.api.delivery.scored': scored_once, 'st_tf.api.delivery.stored_bytes': size_once, 'st_tf.report.ink.svg': svg_once}

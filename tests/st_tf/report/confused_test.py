"""Few classes are a table, many a list of pairs."""

import dataclasses

from st_tf.report import confused
from st_tf.task import confusion


def ticket_of(tiny_ticket, counts, labels, per_class=None):
  task = dataclasses.replace(tiny_ticket.task, labels=tuple(labels))
  return dataclasses.replace(tiny_ticket, task=task, metrics={'confusion': counts, 'per_class': per_class or {}})


def test_a_ticket_without_counts_shows_nothing(tiny_ticket):
  found = confused.of(dataclasses.replace(tiny_ticket, metrics={'test': {'top1': 0.5}}))
  assert not found.rows and not found.pairs


def test_few_classes_are_a_table_of_counts(tiny_ticket):
  found = confused.of(ticket_of(tiny_ticket, {'a': {'a': 3, 'b': 1}}, 'ab', {'a': {'count': 4}, 'b': {'count': 0}}))
  (truth, (right, wrong)), (_, never) = found.rows
  assert (truth, right.text, right.share, right.is_right, wrong.text, wrong.is_right) == ('a', '3', 0.75, True, '1', False)
  assert wrong.about == 'a, taken for b: 1 of 4 (25.0%)' and [cell.text for cell in never] == ['', ''] and not found.is_shares


def test_many_pixels_are_percent_of_their_row(tiny_ticket):
  found = confused.of(ticket_of(tiny_ticket, {'a': {'a': 9_960, 'b': 40}, 'b': {'b': 6000, 'a': 2000}}, 'ab'))
  assert found.is_shares and [[cell.text for cell in cells] for _, cells in found.rows] == [['100', '<1'], ['25', '75']]


def test_of_many_classes_the_most_confused_pairs_are_listed(tiny_ticket):
  labels = [f'c{i}' for i in range(50)]
  counts = {label: {label: 90, labels[i - 1]: i} for i, label in enumerate(labels)}
  kept = confusion.kept(counts, len(labels))
  found = confused.of(ticket_of(tiny_ticket, kept, labels, {label: {'count': 100} for label in labels}))
  assert not found.rows and found.pairs[0] == ('c49', 'c48', '49', 0.49) and len(found.pairs) == 12

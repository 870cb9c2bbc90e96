"""Counts by label, and what of them is kept."""

from st_tf.task import confusion


def test_pairs_by_number_become_counts_by_label_without_what_never_happened():
  assert confusion.table(['a', 'b'], [((1, 0), 3), ((0, 0), 2), ((0, 1), 0)]) == {'a': {'a': 2}, 'b': {'a': 3}}


def test_the_most_confused_pairs_come_first_and_what_is_right_is_none():
  counts = {'a': {'a': 9, 'b': 1}, 'b': {'a': 4, 'c': 1}}
  assert confusion.most_confused(counts) == [('b', 'a', 4), ('a', 'b', 1), ('b', 'c', 1)]


def test_of_few_classes_all_is_kept_and_of_many_the_most_confused_pairs():
  counts = {str(i): {str(i): 100, str(i + 1): i + 1} for i in range(41)}
  assert confusion.kept(counts, confusion.KEPT_WHOLE) == counts
  kept = confusion.kept(counts, confusion.KEPT_WHOLE + 1)
  assert kept == {str(i): {str(i + 1): i + 1} for i in range(21, 41)}

import numpy as np

from st_tf.task import Sample, most_likely


def test_probabilities_are_a_softmax():
  found = most_likely(np.log([1.0, 6.0, 3.0]), ['a', 'b', 'c'], 2)
  assert [label for label, _ in found] == ['b', 'c']
  np.testing.assert_allclose([share for _, share in found], [0.6, 0.3])


def test_large_logits_do_not_overflow():
  assert most_likely(np.float32([1e4, 0]), ['a', 'b'], 1) == [('a', 1.0)]


def test_a_sample_is_right_where_the_first_guess_is_the_truth():
  guesses = (('cat', 0.7), ('dog', 0.3))
  assert Sample((), 'cat', guesses).is_right and Sample((), 'dog', guesses).is_right is False
  assert Sample((), 'cat').is_right is False and Sample((), '', guesses).is_right is None

"""What a child takes over, number by number."""

import numpy as np

from st_tf.search.inheritance import inherited, overlapped


def test_the_first_channels_are_taken_over_and_the_others_stay_as_drawn():
  assert overlapped(np.array([9.0, 9.0, 9.0]), np.array([1.0, 2.0])).tolist() == [1.0, 2.0, 9.0]
  assert overlapped(np.array([9.0]), np.array([1.0, 2.0])).tolist() == [1.0]
  kernel = overlapped(np.full((1, 1, 2, 3), 9.0), np.arange(4.0).reshape(1, 1, 2, 2))
  assert kernel[0, 0].tolist() == [[0, 1, 9], [2, 3, 9]]
  dense = overlapped(np.full((3, 2), 9.0), np.array([[1.0, 2.0]]))
  assert dense.tolist() == [[1, 2], [9, 9], [9, 9]]


def test_a_larger_kernel_computes_the_same_and_of_a_smaller_one_the_middle_is_left():
  small, large = np.arange(1.0, 10).reshape(3, 3, 1, 1), np.arange(25.0).reshape(5, 5, 1, 1)
  grown = overlapped(np.full((5, 5, 2, 1), 9.0), small)
  assert grown[1:4, 1:4, 0, 0].tolist() == small[..., 0, 0].tolist()
  assert grown[..., 0, 0].sum() == small.sum() and (grown[..., 1, 0] == 9).all()
  assert overlapped(np.zeros((3, 3, 1, 1)), large)[..., 0, 0].tolist() == [[6, 7, 8], [11, 12, 13], [16, 17, 18]]


def test_each_stage_comes_from_its_parent_and_both_ends_from_the_first():
  def of(value):
    return {name: np.full(2, value) for name in ('stem/conv/kernel', 's0b0/expand/kernel', 's1b0/expand/kernel', 'head/classifier/bias')}

  drawn = of(0.0) | {'s1b1/expand/kernel': np.full(2, 0.0), 'head/dropout/count': np.float32(0)}
  first, second = of(1.0) | {'head/dropout/count': np.float32(7)}, of(2.0)
  child = inherited(drawn, [first, second], (1, 0))
  assert {name: float(np.max(value)) for name, value in child.items()} == {
    'stem/conv/kernel': 1.0,
    's0b0/expand/kernel': 2.0,
    's1b0/expand/kernel': 1.0,
    'head/classifier/bias': 1.0,
    's1b1/expand/kernel': 0.0,  # A block that the parent has not.
    'head/dropout/count': 0.0,
  }
  assert (drawn['stem/conv/kernel'] == 0).all()

"""Masks by hand."""

import numpy as np
import pytest

from st_tf.pruning import Mask

BEFORE = Mask({'a': np.array([True, False, True]), 'b': np.array([[True], [False]])})
AFTER = Mask({'a': np.array([True, True, False]), 'b': np.array([[False], [False]])})


def test_a_mask_counts_its_weights_and_zeros():
  assert (BEFORE.size, BEFORE.zeros, BEFORE.sparsity) == (5, 2, 0.4)
  assert (AFTER.size, AFTER.zeros, AFTER.sparsity) == (5, 3, 0.6)


def test_returned_weights_are_those_that_were_pruned_before():
  assert AFTER.returned(BEFORE) == 1 and BEFORE.returned(AFTER) == 2 and AFTER.returned(AFTER) == 0


def test_a_mask_is_a_mapping_in_the_order_it_was_given():
  assert list(BEFORE) == ['a', 'b'] and len(BEFORE) == 2 and BEFORE['b'].shape == (2, 1)


def test_a_dense_mask_keeps_everything():
  mask = Mask.dense({'a': (2, 3), 'b': ()})
  assert (mask.size, mask.zeros) == (7, 0) and mask['a'].shape == (2, 3)


def test_an_empty_mask_has_sparsity_zero():
  assert Mask({}).sparsity == 0.0


def test_a_mask_of_numbers_is_refused():
  with pytest.raises(ValueError, match="made of booleans. Received: 'a' of float64"):
    Mask({'a': np.ones(3)})

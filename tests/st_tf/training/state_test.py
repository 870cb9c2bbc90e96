"""A run at one moment."""

import numpy as np

from st_tf.training.state import State


def test_a_part_has_the_arrays_of_its_prefix_under_their_own_names():
  state = State({}, {'value/a/kernel': np.ones(1), 'value/b': np.zeros(2), 'average/a/kernel': np.full(1, 2.0)})
  assert {name: value.tolist() for name, value in state.part('value/').items()} == {'a/kernel': [1.0], 'b': [0.0, 0.0]}
  assert state.part('slot/') == {}

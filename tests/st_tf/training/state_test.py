"""A run at one moment."""

import numpy as np

from st_tf.training.state import Memory, State


def test_a_part_has_the_arrays_of_its_prefix_under_their_own_names():
  state = State({}, {'value/a/kernel': np.ones(1), 'value/b': np.zeros(2), 'average/a/kernel': np.full(1, 2.0)})
  assert {name: value.tolist() for name, value in state.part('value/').items()} == {'a/kernel': [1.0], 'b': [0.0, 0.0]}
  assert state.part('slot/') == {}


def test_a_memory_survives_being_written_into_a_state():
  def some(value: float) -> dict:
    return {'a/kernel': np.full(2, value)}

  memory = Memory(some(1), some(2), {'momenta': some(3)}, 7, {'mask': some(5)})
  arrays = memory.arrays()
  assert list(arrays) == ['value/a/kernel', 'average/a/kernel', 'slot/momenta/a/kernel', 'pruning/mask/a/kernel']
  found = Memory.of(State({'iterations': 7}, arrays))
  assert found.iterations == 7 and found.arrays().keys() == arrays.keys()
  assert all(np.array_equal(found.arrays()[name], value) for name, value in arrays.items())

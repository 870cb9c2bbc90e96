from st_tf.pruning.schedules._alternating import Alternating
from tests.st_tf.pruning.schedules_test import events


def test_the_target_and_nothing_in_turns_the_last_dense_phase_twice_as_long():
  assert events(Alternating(0.8, 10, 60, 10), 70) == {10: 0.8, 20: 0.0, 30: 0.8, 40: 0.0, 60: 0.8}

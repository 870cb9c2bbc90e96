from st_tf.pruning import Constant
from tests.st_tf.pruning.schedules_test import events


def test_the_constant_is_there_from_the_first_event_on():
  assert events(Constant(0.7, 5, 15, 5)) == {5: 0.7, 10: 0.7, 15: 0.7}

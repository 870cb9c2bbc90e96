from st_tf.pruning import OneShot
from tests.st_tf.pruning.schedules_test import events


def test_the_one_shot_waits_for_the_last_step():
  assert events(OneShot(0.7, 0, 20, 10)) == {0: 0.0, 10: 0.0, 20: 0.7}

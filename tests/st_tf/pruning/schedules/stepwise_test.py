import pytest

from st_tf.pruning import Stepwise
from tests.st_tf.pruning.schedules_test import events


def test_the_stepwise_prunes_a_tenth_more_at_each_event():
  assert events(Stepwise(0.35, 10, 50, 10)) == pytest.approx({10: 0.1, 20: 0.2, 30: 0.3, 40: 0.35, 50: 0.35})


def test_the_stepwise_takes_larger_steps_where_events_are_few():
  assert events(Stepwise(0.9, 10, 30, 10)) == pytest.approx({10: 0.3, 20: 0.6, 30: 0.9})

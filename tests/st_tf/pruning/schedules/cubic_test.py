import pytest

from st_tf.pruning import Cubic
from tests.st_tf.pruning.schedules_test import events


def test_the_cubic_rises_steeply_and_flattens_out():
  assert events(Cubic(0.8, 10, 30, 5)) == pytest.approx(
    {10: 0.0, 15: 0.8 * (1 - 0.75**3), 20: 0.8 * (1 - 0.5**3), 25: 0.8 * (1 - 0.25**3), 30: 0.8}
  )

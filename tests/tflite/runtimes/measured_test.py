import numpy as np
import pytest

from tflite.runtimes.measured import Measured, speedup


def measured(*milliseconds: float) -> Measured:
  return Measured(np.zeros((1, 2)), milliseconds)


def test_the_latency_is_the_median():
  assert measured(3.0, 100.0, 1.0).latency == 3.0


def test_a_speed_up_is_the_median_of_the_rounds_so_that_drift_cancels_out():
  assert speedup(measured(2, 20, 200), measured(1, 10, 100)) == 2
  assert speedup(measured(2, 20, 9), measured(1, 10, 100)) == pytest.approx(2)

import numpy as np
import pytest

from st_tf.task import Metrics


def test_what_a_task_of_ones_own_does_not_define_is_not_known():
  class Own(Metrics):
    def update(self, targets, outputs):
      pass

    def result(self):
      return {}

    def per_class(self):
      return {}

  assert Own().interval(np.arange(3)) is None and Own().confusion() == {}
  with pytest.raises(TypeError, match='abstract'):
    Metrics()

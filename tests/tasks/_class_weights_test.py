"""Weights by hand and by counting, and what is none."""

import numpy as np
import pytest

from st_tf.task import TaskError
from tasks._class_weights import class_weights

LABELS = np.asarray([0, 0, 0, 1])


def test_nothing_said_weighs_nothing():
  assert class_weights('', 2) is None and class_weights('', 2, LABELS) is None


def test_weights_by_hand_are_taken_as_they_are():
  assert class_weights('1,2.5,0', 3).numpy().tolist() == [1, 2.5, 0]


def test_balanced_weights_make_all_classes_alike_and_a_class_without_examples_is_no_error():
  np.testing.assert_allclose(class_weights('balanced', 2, LABELS), [4 / 6, 4 / 2])
  np.testing.assert_allclose(class_weights('balanced', 3, LABELS), [4 / 9, 4 / 3, 4 / 3], rtol=1e-6)


@pytest.mark.parametrize('text', ['1', '1,2,3', '1,x', '1,-1', '0,0', '1,nan', '1,inf', 'even'])
def test_what_are_no_weights_is_said(text):
  with pytest.raises(TaskError, match=rf"--class_weights is 'balanced' or 2 .* Received: '{text}'"):
    class_weights(text, 2, LABELS)
  with pytest.raises(TaskError, match=r'--class_weights is 2 comma-separated numbers here.*balanced is for classification'):
    class_weights(text, 2)


def test_maps_are_not_balanced():
  with pytest.raises(TaskError, match='balanced is for classification'):
    class_weights('balanced', 2)

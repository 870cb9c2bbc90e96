"""The flags' sizes win over the task's own, and none is smaller than a network takes."""

import pytest

from st_tf.task import DataConfig, TaskError
from tasks._sizes import shape, side


def test_flags_win_over_the_task():
  assert side(DataConfig(), 32) == 32 and side(DataConfig(image_size=64), 32) == 64
  assert shape(DataConfig(), (48, 32)) == (48, 32)
  assert shape(DataConfig(image_size=64), (48, 32)) == (64, 64)
  assert shape(DataConfig(image_size=64, image_width=16), (48, 32)) == (64, 16)


@pytest.mark.parametrize(
  ('settings', 'message'),
  [
    ({'image_width': 64}, r'goes with --image_size, the height\. Received: --image_width=64 alone'),
    ({'image_size': 8}, r'at least 16 pixels.*Received: \(8, 8\)'),
    ({'image_size': 64, 'image_width': 8}, r'at least 16 pixels.*Received: \(64, 8\)'),
  ],
)
def test_shapes_that_no_network_takes_are_refused(settings, message):
  with pytest.raises(TaskError, match=message):
    shape(DataConfig(**settings), (48, 32))


@pytest.mark.parametrize('size', [7, -1])
def test_a_side_that_no_network_takes_is_refused(size):
  with pytest.raises(TaskError, match=rf"--image_size is at least 8 pixels; 0 = the task's own\. Received: {size}"):
    side(DataConfig(image_size=size), 32)

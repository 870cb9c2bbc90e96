import time

import numpy as np
import pytest
import tensorflow as tf

from st_tf.task import TaskError
from tasks import _reading


def test_batches_come_in_their_order_however_many_are_made_at_once():
  # The first takes longest, so that an order of readiness would be another one.
  def slow(index):
    return tf.numpy_function(_after_a_while, [index], tf.int64)

  examples = tf.data.Dataset.range(5).map(slow, num_parallel_calls=_reading.PARALLEL)
  assert [batch.tolist() for batch in _reading.ahead(examples.batch(2)).as_numpy_iterator()] == [[0, 1], [2, 3], [4]]


def _after_a_while(index):
  time.sleep(0.02 * (4 - index))
  return index


def test_nothing_sleeps_between_datasets_and_is_waited_for():
  options = _reading.ahead(tf.data.Dataset.range(3)).options()
  assert options.autotune.enabled is False and options.deterministic is True


@pytest.mark.parametrize(
  ('asked', 'message'),
  [
    (('val', 1, 0), r"one of train, validation, test\. Received: 'val'"),
    (('train', 0, 0), r'at least one example.*Received: 0, 0'),
    (('train', 1, -1), r'count from 0\. Received: 1, -1'),
  ],
)
def test_what_no_dataset_can_be_asked_for_is_said(asked, message):
  _reading.check('test', 1, 0)
  with pytest.raises(TaskError, match=message):
    _reading.check(*asked)


def test_a_worker_reads_its_part_of_every_batch():
  order = np.array([7, 3, 0, 9, 4, 1, 8, 2, 5, 6])
  assert _reading.of_worker(order, 4, (0, 1)) == (order, 4)
  parts = [_reading.of_worker(order, 4, (index, 2)) for index in range(2)]
  assert [(part.tolist(), size) for part, size in parts] == [([7, 3, 4, 1], 2), ([0, 9, 8, 2], 2)]
  for batch, share in ((4, (0, 3)), (4, (2, 2)), (4, (-1, 2))):
    with pytest.raises(TaskError, match=rf'A batch is shared evenly among workers\. Received: 4 for worker {share[0]} of {share[1]}'):
      _reading.of_worker(order, batch, share)

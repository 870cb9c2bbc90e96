import numpy as np
import pytest

from st_tf.task.scoring import score
from tests import tiny


@pytest.mark.parametrize('batch_size', [5, 24, 100])
def test_every_example_of_the_split_counts_once_whatever_the_batch_size(batch_size):
  task, seen = tiny.task(), []

  def guess_red(images: np.ndarray) -> np.ndarray:
    seen.append(len(images))
    return np.tile([2.0, 0.0, 0.0], (len(images), 1))

  metrics = score(guess_red, task, 'test', batch_size)
  assert sum(seen) == tiny.SIZES['test'] and max(seen) <= batch_size
  assert metrics.result()['top1'] == pytest.approx(1 / 3)
  expected = -np.mean([np.log(np.exp(logit) / (np.exp(2) + 2)) for logit in (2, 0, 0)])
  assert metrics.result()['loss'] == pytest.approx(expected)
  assert metrics.per_class()['red'] == {'count': 8, 'top1': 1.0} and metrics.per_class()['blue']['top1'] == 0.0


def test_targets_and_outputs_belong_to_the_same_images():
  task = tiny.task()

  def brightest(images: np.ndarray) -> np.ndarray:
    return 10 * (images * np.asarray(task.deviation) + np.asarray(task.mean)).mean((1, 2))

  assert score(brightest, task, 'validation', 7).result()['top1'] == 1.0

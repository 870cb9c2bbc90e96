"""What holds for every method where it is drawn in this process for a task of classes."""

import inspect
import pathlib

import pytest

from tasks._classification import ClassificationTask
from tests import tiny

_MAY_SCORE = ('delivery.py', 'samples.py')  # A ticket that is finished, once; pictures for its report.


@pytest.fixture(scope='module', autouse=True)
def the_test_split_is_left_alone():
  """No method reads the test split while it draws."""
  read = ClassificationTask.dataset

  def watched(self, split, *args, **settings):
    if split == 'test':
      callers = {pathlib.Path(frame.filename).name for frame in inspect.stack()}
      assert callers.intersection(_MAY_SCORE), 'a method reads the test split'
    return read(self, split, *args, **settings)

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(ClassificationTask, 'dataset', watched)
    yield


@pytest.fixture(scope='session')
def searched(tmp_path_factory):
  """The folder of tickets of a searched network: of all its weights, on the way to a higher sparsity, at the end."""
  path = tmp_path_factory.mktemp('searched') / 'run'
  settings = {'target_macs': 0.7, 'search_interval': 0.4, 'search_end': 0.4, 'prune_begin': 0.5, 'prune_depthwise': True}
  tiny.draw(path, tiny.SPECK, epochs=3, sparsity=(0.0, 0.5, 0.8), **settings)
  return path / 'tickets'

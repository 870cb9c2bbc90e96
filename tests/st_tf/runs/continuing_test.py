import pathlib
import types

import pytest

from st_tf.runs import run as run_module
from st_tf.runs.continuing import check_same, diverged, kept
from st_tf.runs.folder import WorkdirError
from st_tf.task import TaskError
from st_tf.training.trainer import Trainer
from tests import tiny

SHORT = {'arch': tiny.SPECK, 'epochs': 2, 'sparsity': (0.5,)}
BAD = 'An image can be decoded. Received: image 3.'


def _rows(workdir):
  return [{name: value for name, value in row.items() if name != 'seconds'} for row in workdir.history.rows()]


def _broken_at(step):
  """Batches of which the one that follows `step` others has a picture that cannot be read."""

  def batches(found):
    for taken, batch in enumerate(found):
      if taken == step:
        raise TaskError(BAD)
      yield batch

  return batches


@pytest.mark.slow
def test_a_picture_that_cannot_be_read_loses_nothing_in_training_or_in_validation(tmp_path, monkeypatch):
  undisturbed, workdir = tiny.draw(tmp_path / 'undisturbed', **SHORT)
  expected, scores, train = _rows(workdir), Trainer.scores, Trainer.train

  def unscored(self, split):
    if self.step == 12:
      raise TaskError(BAD)
    return scores(self, split)

  with pytest.MonkeyPatch.context() as patch, pytest.raises(TaskError) as error:
    patch.setattr(run_module, 'readable', _broken_at(0))
    tiny.draw(tmp_path / 'run', **SHORT)
  assert str(error.value) == BAD, 'nothing was trained that could be kept'
  with pytest.MonkeyPatch.context() as patch, pytest.raises(TaskError) as error:
    patch.setattr(run_module, 'readable', _broken_at(4))
    tiny.draw(tmp_path / 'run', **SHORT)
  words = 'What was trained is kept: with a readable picture in its place, the same call continues from step 4.'
  assert str(error.value).startswith(f'{BAD} {words}')
  with pytest.MonkeyPatch.context() as patch, pytest.raises(TaskError, match='continues from step 12'):
    patch.setattr(Trainer, 'scores', unscored)
    tiny.draw(tmp_path / 'run', **SHORT)
  steps = []
  monkeypatch.setattr(Trainer, 'train', lambda self, *args: steps.append(self.step) or train(self, *args))
  ticket, workdir = tiny.draw(tmp_path / 'run', **SHORT)
  assert not steps, 'all were taken; the evaluation of their epoch was missing'
  assert (ticket.fingerprint, _rows(workdir)) == (undisturbed.fingerprint, expected)


def test_another_number_of_examples_and_other_settings_are_refused():
  supernet = tiny.SPECK
  state = types.SimpleNamespace(facts={'sizes': {'train': 3}, 'config': 'abc', 'supernet': supernet.to_json()})
  check_same(state, {'train': 3}, 'abc', supernet, pathlib.Path('runs/x'))
  with pytest.raises(WorkdirError, match=r"began with\. Received: \{'train': 3\} examples, now \{'train': 2\}, in runs/x\. Put it back"):
    check_same(state, {'train': 2}, 'abc', supernet, pathlib.Path('runs/x'))
  for fingerprint, network in (('abd', supernet), ('abc', tiny.ARCH)):
    with pytest.raises(WorkdirError, match='checkpoints of other settings'):
      check_same(state, {'train': 3}, fingerprint, network, pathlib.Path('runs/x'))


def test_what_is_said_has_the_way_out():
  assert str(kept(TaskError(BAD), 'step 7', 'the same command')).startswith(f'{BAD} What was trained is kept')
  assert 'Received: nan at step 7. Try a lower --learning_rate' in str(diverged('The loss is a finite number', float('nan'), 7))

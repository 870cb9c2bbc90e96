"""The function scores what it is given: a ticket, a folder, a file."""

import pytest

from st_tf.api.evaluate import evaluate
from st_tf.errors import UserError
from tests import tiny
from tflite.convert import convert
from tflite.file.model_file import ModelFileError


def test_a_ticket_its_folder_and_its_file_score_the_same(tmp_path):
  task = tiny.task()
  ticket, folder, file = tiny.untrained(task), tmp_path / 'ticket', tmp_path / 'model.tflite'
  ticket.save(folder)
  convert(ticket.build_model(raw=True), next(task.dataset('test', 4).as_numpy_iterator())[0], file)
  said = {'pixels': 'task'}
  asked = ((ticket, {}), (folder, {}), (file, said))
  scores = [evaluate(network, task, split='validation', **more).scores for network, more in asked]
  assert scores[0] == scores[1] == pytest.approx(scores[2], abs=1e-5)

  with pytest.raises(ModelFileError, match='says which pixels it wants'):
    evaluate(file, task)


def test_a_file_needs_a_task():
  with pytest.raises(UserError, match='does not know its task'):
    evaluate('model.tflite')

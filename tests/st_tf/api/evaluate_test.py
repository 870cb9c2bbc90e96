"""The function scores what it is given: a ticket, a folder, a file."""

import pytest

from st_tf.api.evaluate import evaluate
from st_tf.errors import UserError
from tests import tiny
from tflite.convert import convert


def test_a_ticket_its_folder_and_its_file_score_the_same(tmp_path):
  task = tiny.task()
  ticket, folder, file = tiny.untrained(task), tmp_path / 'ticket', tmp_path / 'model.tflite'
  ticket.save(folder)
  convert(ticket.build_model(raw=True), next(task.dataset('test', 4).as_numpy_iterator())[0], file)
  scores = [evaluate(network, task, split='validation').scores for network in (ticket, folder, file)]
  assert scores[0] == scores[1] == pytest.approx(scores[2], abs=1e-5)


def test_a_file_needs_a_task():
  with pytest.raises(UserError, match='does not know its task'):
    evaluate('model.tflite')

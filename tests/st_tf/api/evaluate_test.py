"""The function scores what it is given: a ticket, a folder, a file."""

import pytest

from st_tf.api.evaluate import evaluate
from st_tf.errors import UserError
from tflite.convert import convert


def test_a_ticket_its_folder_and_its_file_score_the_same(tiny_ticket, ticket_folder, shapes, tmp_path):
  samples = next(iter(shapes.dataset('test', 4).as_numpy_iterator()))[0]
  convert(tiny_ticket.build_model(raw=True), samples, tmp_path / 'model.tflite')
  scores = [evaluate(network, shapes, split='validation').scores for network in (tiny_ticket, ticket_folder, tmp_path / 'model.tflite')]
  assert scores[0] == scores[1] == pytest.approx(scores[2], abs=1e-5)


def test_a_file_needs_a_task():
  with pytest.raises(UserError, match='does not know its task'):
    evaluate('model.tflite')

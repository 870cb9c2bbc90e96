"""The function for Python writes the file that the command writes."""

import pytest

import st_tf
from st_tf.api.export import export
from st_tf.errors import UserError
from tflite.file.runner import Runner


def test_a_ticket_is_written_and_what_is_known_of_it_returned(ticket_folder, shapes, tmp_path):
  facts = export(ticket_folder, tmp_path / 'model.tflite', sparse='never', samples=4, task=shapes)
  assert facts['format'] == 'float32' and facts['bytes'] == (tmp_path / 'model.tflite').stat().st_size
  assert Runner.load(str(tmp_path / 'model.tflite')).image_size == (32, 32)
  assert st_tf.export is export


def test_nothing_is_overwritten(ticket_folder, shapes, tmp_path):
  (tmp_path / 'model.tflite').write_bytes(b'mine')
  with pytest.raises(UserError, match='An export overwrites nothing'):
    export(ticket_folder, tmp_path / 'model.tflite', task=shapes)
  assert (tmp_path / 'model.tflite').read_bytes() == b'mine'

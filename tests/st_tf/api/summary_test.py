"""What a terminal says of a ticket."""

import dataclasses

from st_tf.api.summary import summary


def test_a_summary_says_scores_sizes_and_where_the_files_are(tiny_ticket, tmp_path, monkeypatch):
  (tmp_path / 'model.tflite').write_bytes(b'x' * 1234)
  (tmp_path / 'model_int8.tflite').write_bytes(b'x' * 567)
  monkeypatch.chdir(tmp_path.parent)
  shown = summary(tiny_ticket, tmp_path)
  assert 'Ticket at 80% sparsity: top-1 accuracy 70.0% on the test split (75.0% on validation)' in shown
  assert (
    f'{tmp_path.name}/model.tflite (1,234 bytes)' in shown
    and f'  int8        {tmp_path.name}/model_int8.tflite (567 bytes)' in shown
    and 'report/index.html' in shown
  )


def test_units_that_had_to_go_are_told(tiny_ticket, tmp_path):
  (tmp_path / 'model.tflite').write_bytes(b'')
  ticket = dataclasses.replace(tiny_ticket, provenance=dataclasses.replace(tiny_ticket.provenance, trimmed=7))
  assert '7 units had to go at the end of the search' in summary(ticket, tmp_path)
  assert 'had to go' not in summary(tiny_ticket, tmp_path)

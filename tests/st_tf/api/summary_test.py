"""What a terminal says of a ticket."""

import dataclasses

from st_tf.api.summary import summary


def test_a_summary_says_scores_sizes_and_where_the_files_are(tiny_ticket, tmp_path, monkeypatch):
  (tmp_path / 'model.tflite').write_bytes(b'x' * 1234)
  (tmp_path / 'model_int8.tflite').write_bytes(b'x' * 567)
  monkeypatch.chdir(tmp_path.parent)
  shown = summary(tiny_ticket, tmp_path, [])
  assert 'Ticket at 80% sparsity: top-1 accuracy 70.0% on the test split (75.0% on validation)' in shown
  assert (
    f'  to ship     {tmp_path.name}/model_int8.tflite (567 bytes)\n  to check    {tmp_path.name}/model.tflite (1,234 bytes, float32'
    in shown
    and 'report/index.html' in shown
  )


def test_without_a_file_to_ship_a_summary_says_what_makes_one(tiny_ticket, tmp_path, monkeypatch):
  (tmp_path / 'my run').mkdir()
  (tmp_path / 'my run' / 'model.tflite').write_bytes(b'')
  monkeypatch.chdir(tmp_path)
  assert "  to ship     not written yet: python -m tflite.export --ticket='my run' --format=float16\n" in summary(
    tiny_ticket, tmp_path / 'my run', []
  )


def test_units_that_had_to_go_are_told(tiny_ticket, tmp_path):
  (tmp_path / 'model.tflite').write_bytes(b'')
  ticket = dataclasses.replace(tiny_ticket, provenance=dataclasses.replace(tiny_ticket.provenance, trimmed=7))
  assert '7 units had to go at the end of the search' in summary(ticket, tmp_path, [])
  assert 'had to go' not in summary(tiny_ticket, tmp_path, [])


def test_a_summary_says_how_sure_a_score_is_what_it_has_to_beat_and_what_it_means(tiny_ticket, tmp_path):
  (tmp_path / 'model.tflite').write_bytes(b'')
  metrics = {'validation': {'top1': 0.8}, 'test': {'top1': 0.75}, 'baselines': {'test': {'chance': 0.25, 'linear model': 0.5}}}
  provenance = dataclasses.replace(tiny_ticket.provenance, examples={'test': 100})
  history = [{'event': 'epoch', 'train_top1': 0.99, 'validation': {'top1': 0.8}}]
  text = summary(dataclasses.replace(tiny_ticket, metrics=metrics, provenance=provenance), tmp_path, history)
  assert '  sure to     95% interval 65.7 to 82.5%, 100 examples\n' in text
  assert '  to beat     chance 25.0%, linear model 50.0%\n' in text and '  verdict     Too few pictures: ' in text

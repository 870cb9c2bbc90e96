import errno
import json

import numpy as np
import pytest
import tensorflow as tf

from st_tf.runs.folder import WorkdirError
from st_tf.runs.history import History
from tests.st_tf.runs.board_test import points


@pytest.fixture
def history(tmp_path):
  return History(tmp_path, 'the same call')


def test_a_full_disk_at_a_row_of_metrics_is_reported_and_the_run_goes_on(history, capsys, monkeypatch):
  def full(*args, **kwargs):
    raise OSError(errno.ENOSPC, 'No space left on device')

  with monkeypatch.context() as patch:
    patch.setattr('builtins.open', full)
    history.record({'event': 'epoch', 'step': 3})
  assert 'no row of metrics at step 3' in capsys.readouterr().err
  history.record({'event': 'epoch', 'step': 6})
  assert [row['step'] for row in history.rows()] == [6]


def test_rows_are_read_back_in_order(history, tmp_path):
  rows = [{'event': 'epoch', 'step': step, 'epoch': step // 6, 'validation': {'top1': 0.5}} for step in (6, 12)]
  for row in rows:
    history.record(row)
  assert history.rows() == rows
  assert any(path.name.startswith('events.') for path in (tmp_path / 'tensorboard' / 'validation').iterdir())


def test_rows_after_the_checkpoint_are_forgotten(history):
  for step in (3, 6, 7, 12):
    history.record({'event': 'epoch', 'step': step})
  history.rewind(6)
  assert [row['step'] for row in history.rows()] == [3, 6]
  history.record({'event': 'epoch', 'step': 7})
  assert [row['step'] for row in history.rows()] == [3, 6, 7]


def test_an_unfinished_last_line_is_left_out_and_goes_with_the_rewind(history, tmp_path):
  history.record({'event': 'epoch', 'step': 3})
  with open(tmp_path / 'metrics.jsonl', 'a') as file:
    file.write('{"event": "epo')
  assert [row['step'] for row in history.rows()] == [3]
  history.rewind(6)
  history.record({'event': 'epoch', 'step': 7})
  assert [json.loads(line)['step'] for line in (tmp_path / 'metrics.jsonl').read_text().splitlines()] == [3, 7]


def test_damaged_lines_are_counted_once_and_never_lost_without_a_word(history, tmp_path, capsys):
  for step in (3, 6, 9):
    history.record({'event': 'epoch', 'step': step})
  whole = (tmp_path / 'metrics.jsonl').read_bytes()
  for at in range(0, len(whole), 7):
    damaged = bytearray(whole)
    damaged[at] ^= 1 << at % 8
    (tmp_path / 'metrics.jsonl').write_bytes(damaged)
    again = History(tmp_path, 'the same call')
    left = [row['step'] for row in again.rows()]
    again.rows()
    said = capsys.readouterr().err
    assert left == [3, 6, 9] and not said or len(left) < 3 and said.count('cannot be read') == 1, at
  again.rewind(9)
  assert [row['step'] for row in History(tmp_path, 'the same call').rows()] == left
  assert not capsys.readouterr().err


def test_rows_that_cannot_be_written_anew_are_an_error_of_one_line(history, monkeypatch):
  def full(*args, **kwargs):
    raise OSError(errno.ENOSPC, 'No space left on device')

  history.record({'event': 'epoch', 'step': 3})
  monkeypatch.setattr('st_tf.files.write_text', full)
  with pytest.raises(WorkdirError, match=r'metrics\.jsonl can be written\. Received: .*No space left.* give the same call again'):
    history.rewind(6)


def test_stages_are_told_one_after_the_other(tmp_path):
  stages = [tmp_path / name for name in ('search', 'train')]
  for stage in stages:
    stage.mkdir()
    for step in (3, 6):
      History(stage, '').record({'event': 'epoch', 'step': step, 'epoch': step // 3})
  whole = History(tmp_path, '')
  whole.record({'event': 'epoch', 'step': 1, 'epoch': 1})
  whole.retell(stages)
  assert [(row['stage'], row['step'], row['epoch']) for row in whole.rows()] == [
    *[('search', 3, 1), ('search', 6, 2)],
    *[('train', 9, 3), ('train', 12, 4)],
  ]


def test_a_full_disk_at_tensorboard_is_reported_once_and_the_run_goes_on(history, capsys, monkeypatch):
  def full(*args, **kwargs):
    raise tf.errors.ResourceExhaustedError(None, None, 'events.out: No space left on device')

  monkeypatch.setattr(tf.summary, 'scalar', full)
  for step in (3, 6):
    history.record({'event': 'epoch', 'step': step, 'epoch': step // 3, 'loss': 0.5})
  history.histogram({'a': np.zeros(3)}, 2)
  assert capsys.readouterr().err.count('TensorBoard is told no more of this run: events.out: No space left') == 1
  assert [row['step'] for row in history.rows()] == [3, 6]


def test_a_board_that_cannot_be_opened_stops_no_run(history, capsys, monkeypatch):
  def full(*args, **kwargs):
    raise tf.errors.ResourceExhaustedError(None, None, 'No space left on device')

  monkeypatch.setattr(tf.summary, 'create_file_writer', full)
  history.record({'event': 'epoch', 'step': 3, 'epoch': 1, 'loss': 0.5})
  assert 'told no more' in capsys.readouterr().err and len(history.rows()) == 1


def test_a_run_that_goes_on_has_each_point_once(tmp_path):
  for until in (4, 3):  # The first process ends after its fourth epoch, of which the second knows two.
    history = History(tmp_path, 'x')
    history.rewind(6)
    for epoch in range(1 if until == 4 else 3, until + 1):
      history.record({'event': 'epoch', 'step': 3 * epoch, 'epoch': epoch, 'loss': 1 / epoch})
      history.histogram({'a': np.ones(3)}, epoch)
  assert points(tmp_path / 'tensorboard' / 'train') == {'epoch_loss': [1, 2, 3]}
  assert points(tmp_path / 'tensorboard' / 'search') == {'importance factors': [1, 2, 3]}

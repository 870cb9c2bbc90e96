"""What TensorBoard reads: the same tags for training and validation, settings, and no chart without a story."""

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from st_tf.runs.board import Board


def points(folder):
  """Epochs by tag, as TensorBoard itself reads the folder."""
  read = EventAccumulator(str(folder)).Reload()
  return {tag: [event.step for event in read.Tensors(tag)] for tag in read.Tags()['tensors'] if not tag.startswith('_hparams_')}


def row(epoch, **changes):
  given = {'loss': 1 / epoch, 'train_top1': 0.1 * epoch, 'validation': {'top1': 0.5, 'loss': 0.4}}
  return (
    {'event': 'epoch', 'epoch': epoch, 'step': 10 * epoch, 'penalty': 0.0, 'macs': 9, 'learning_rate': 0.1, 'seconds': 2.0}
    | given
    | changes
  )


@pytest.fixture
def board(tmp_path):
  return Board(tmp_path / 'my_run' / 'tensorboard', {'seed': 3, 'method': 'gmp', 'randaugment': True})


def test_training_and_validation_have_the_same_tags_and_epochs_as_steps(board, tmp_path):
  for epoch in (1, 2):
    board.add(row(epoch))
  folder = tmp_path / 'my_run' / 'tensorboard'
  assert points(folder / 'train') == points(folder / 'validation') == {'epoch_loss': [1, 2], 'epoch_top1': [1, 2]}
  assert sorted(path.name for path in folder.iterdir()) == ['train', 'validation']


def test_what_never_changes_is_no_chart_and_what_does_is_whole(board, tmp_path):
  board.add(row(1, sparsity=0.0))
  board.add({'event': 'prune', 'step': 12, 'epoch': 2, 'sparsity': 0.1})
  board.add(row(2, sparsity=0.0, learning_rate=0.05))
  board.add(row(3, sparsity=0.3, learning_rate=0.05))
  found = points(tmp_path / 'my_run' / 'tensorboard' / 'train')
  assert {tag: steps for tag, steps in found.items() if '/' in tag} == {'network/sparsity': [1, 2, 3], 'training/learning_rate': [1, 2, 3]}


def test_settings_are_there_for_hparams_under_the_name_of_the_run(board, tmp_path):
  board.add(row(1))
  read = EventAccumulator(str(tmp_path / 'my_run' / 'tensorboard' / 'validation')).Reload()
  content = read.SummaryMetadata('_hparams_/session_start_info').plugin_data.content
  started = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
  assert started.group_name == 'my_run' and {name: value.WhichOneof('kind') for name, value in started.hparams.items()} == {
    **{'seed': 'number_value', 'method': 'string_value', 'randaugment': 'bool_value'}
  }


def test_a_board_that_is_rewritten_has_these_rows_and_no_others(board, tmp_path):
  folder = tmp_path / 'my_run' / 'tensorboard'
  (folder / 'trials' / '000').mkdir(parents=True)
  (folder / 'events.out.tfevents.1.host').write_bytes(b'of a version before')
  for epoch in (1, 2, 3):
    board.add(row(epoch, sparsity=0.1 * (epoch > 2)))
    board.histogram([np.ones(3), np.zeros((2, 2))], epoch)
  assert 'network/sparsity' in points(folder / 'train') and points(folder / 'search') == {'importance factors': [1, 2, 3]}
  board.rewrite([row(1, sparsity=0.0), row(2, sparsity=0.0)])
  assert points(folder / 'train') == {'epoch_loss': [1, 2], 'epoch_top1': [1, 2]}
  assert points(folder / 'search') == {'importance factors': [1, 2]}
  board.rewrite([])
  assert [path.name for path in folder.iterdir()] == ['trials']


def test_a_file_that_breaks_off_is_kept_as_far_as_it_goes(board, tmp_path):
  folder = tmp_path / 'my_run' / 'tensorboard'
  for epoch in (1, 2):
    board.histogram([np.ones(3)], epoch)
  (file,) = (folder / 'search').iterdir()
  file.write_bytes(file.read_bytes()[:-7])
  board.rewrite([row(1), row(2)])
  assert points(folder / 'search') == {'importance factors': [1]}
  board.histogram([], 3)
  assert points(folder / 'search') == {'importance factors': [1]}


def test_what_is_no_folder_stops_no_run(tmp_path, capsys):
  (tmp_path / 'file').write_text('')
  board = Board(tmp_path / 'file', {})
  for epoch in (1, 2):
    board.add(row(epoch))
  assert capsys.readouterr().err.count('TensorBoard is told no more of this run: ') == 1

"""A network is scored on a task that fits it, and the table says on what."""

import dataclasses
import json

import numpy as np
import pytest

from st_tf import evaluate
from st_tf.errors import UserError
from st_tf.evaluate import Evaluation, EvaluationError, Network
from st_tf.task import DataConfig
from st_tf.ticket import TicketError
from tflite.convert import convert

RESULT = Evaluation(
  model='model.tflite',
  about='1.5 KB',
  task='shapes',
  split='test',
  examples=1000,
  seconds=2.0,
  scores={'top1': 0.5634, 'loss': 1.5},
  per_class={'ring': {'count': 600, 'top1': 0.25}, 'star': {'count': 1400, 'top1': 0.75}},
)


def _network(shapes, **changes):
  fields = {'name': 'first class', 'about': '', 'image_size': shapes.image_size, 'outputs': 10}
  return Network(**fields | changes, infer=lambda images: np.eye(10)[[0] * len(images)])


def test_the_table_is_aligned():
  assert evaluate.lines(RESULT) == [
    'network  model.tflite',
    '         1.5 KB',
    'task     shapes, test split, 1,000 examples',
    'time     2.0 s (500 images per second)',
    '',
    'top-1 accuracy  56.3%',
    'loss            1.500',
  ]


def test_classes_are_shown_best_first():
  assert evaluate.lines(RESULT, per_class=True)[-3:] == [
    'class  top-1 accuracy  examples',
    'star            75.0%     1,400',
    'ring            25.0%       600',
  ]


def test_a_network_that_always_says_the_same_scores_that_class_only(shapes):
  result = evaluate.evaluate(_network(shapes), shapes, 'validation', 64)
  assert result.examples == shapes.sizes['validation'] and result.seconds > 0
  assert result.per_class[shapes.labels[0]]['top1'] == 1 and result.per_class[shapes.labels[1]]['top1'] == 0
  assert result.scores['top1'] == pytest.approx(result.per_class[shapes.labels[0]]['count'] / result.examples)


def test_a_network_for_other_images_is_refused(shapes):
  with pytest.raises(EvaluationError, match='64x48. Received: 32x32 from shapes. Use --image_size=64'):
    evaluate.evaluate(_network(shapes, image_size=(64, 48)), shapes, 'test', 64)


def test_a_network_with_other_outputs_is_refused(shapes):
  with pytest.raises(EvaluationError, match='as many outputs as its task, 10 for shapes. Received: 100 in first class'):
    evaluate.evaluate(_network(shapes, outputs=100), shapes, 'test', 64)


@pytest.mark.parametrize(
  'arguments, message',
  [
    ([], 'Received: neither'),
    (['--ticket=a', '--model=b', '--task=shapes'], 'Received: both'),
    (['--model=b'], 'does not know its task'),
    (['--ticket=a', '--batch_size=0'], '--batch_size is at least 1. Received: 0'),
    (['--ticket=a', '--split=tset'], 'Did you mean test?'),
    (['--tiket=a'], 'Did you mean --ticket?'),
    (['--ticket=nowhere'], 'A ticket is a folder with ticket.json. Received: nowhere, which does not exist.'),
    (['--model=nowhere.tflite', '--task=shapes'], 'nowhere.tflite'),
  ],
)
def test_what_cannot_be_scored_is_said(arguments, message, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  with pytest.raises(UserError) as found:
    evaluate.main(['evaluate', *arguments])
  assert message in str(found.value)


@pytest.fixture
def loaded(shapes, monkeypatch):
  """What tasks were asked for; `shapes`, drawn once, is given for all of them."""
  asked = []

  def load(name, config):
    asked.append((name, config))
    return shapes

  monkeypatch.setattr(evaluate.tasks, 'load', load)
  return asked


def test_a_ticket_is_scored_on_its_own_task_with_its_own_data_settings(tiny_ticket, tmp_path, loaded, capsys):
  provenance = {'config': {'task': 'shapes', 'data_seed': 7, 'data_dir': 'there', 'epochs': 3}}
  dataclasses.replace(tiny_ticket, provenance=provenance).save(tmp_path / 'ticket')
  evaluate.main(['evaluate', f'--ticket={tmp_path / "ticket"}', '--data_dir=here', '--split=validation'])
  assert loaded == [('shapes', DataConfig(data_dir='here', data_seed=7, image_size=32))]
  assert f'network  {tmp_path / "ticket"}\n         80.0% sparse, fingerprint ' in capsys.readouterr().out


def test_another_task_has_settings_of_its_own(tiny_ticket, tmp_path, loaded):
  dataclasses.replace(tiny_ticket, provenance={'config': {'data_seed': 7}}).save(tmp_path / 'ticket')
  evaluate.main(['evaluate', f'--ticket={tmp_path / "ticket"}', '--task=folder:x', '--split=validation'])
  assert loaded == [('folder:x', DataConfig(image_size=32))]


def test_a_ticket_of_other_labels_is_refused(tiny_ticket, tmp_path, loaded):
  labels = [f'other {label}' for label in tiny_ticket.task['labels']]
  dataclasses.replace(tiny_ticket, task=tiny_ticket.task | {'labels': labels}).save(tmp_path / 'ticket')
  with pytest.raises(TicketError, match='on the labels it was trained for'):
    evaluate.main(['evaluate', f'--ticket={tmp_path / "ticket"}'])


def test_a_ticket_and_its_file_score_the_same(tiny_ticket, ticket_folder, shapes, loaded, tmp_path, capsys):
  samples = next(iter(shapes.dataset('test', 4).as_numpy_iterator()))[0]
  convert(tiny_ticket.build_model(raw=True), samples, tmp_path / 'model.tflite')
  evaluate.main(['evaluate', f'--ticket={ticket_folder}', '--split=validation', '--json', '--per_class'])
  ticket = json.loads(capsys.readouterr().out)
  evaluate.main(['evaluate', f'--model={tmp_path / "model.tflite"}', '--task=shapes', '--split=validation', '--json'])
  file = json.loads(capsys.readouterr().out)
  assert file['scores'] == pytest.approx(ticket['scores'], abs=1e-5)
  assert file['examples'] == ticket['examples'] and 'per_class' not in file
  assert sum(entry['count'] for entry in ticket['per_class'].values()) == ticket['examples']
  assert loaded[1] == ('shapes', DataConfig(image_size=32))

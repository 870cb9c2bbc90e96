"""The command scores what it is given on the right task."""

import dataclasses
import importlib
import json

import pytest

from st_tf.errors import UserError
from st_tf.task import DataConfig, TaskError, mistakes
from st_tf.ticket import Provenance, TicketError
from tests import tiny
from tflite.convert import convert

evaluate = importlib.import_module('st_tf.evaluate')


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
    (['--ticket=a', '--pixels=units', '--output=x'], 'are of files. Received: --pixels=units, --output=x for a ticket'),
    (['--model=b', '--task=shapes', '--pixels=unit'], 'Did you mean units?'),
  ],
)
def test_what_cannot_be_scored_is_said(arguments, message, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  with pytest.raises(UserError) as found:
    evaluate.main(['evaluate', *arguments])
  assert message in str(found.value)


@pytest.fixture(scope='module')
def task():
  return tiny.task()


@pytest.fixture(scope='module')
def ticket(task):
  return tiny.untrained(task)


@pytest.fixture
def loaded(task, monkeypatch):
  """What tasks were asked for; `task`, drawn once, is given for all of them."""
  asked = []

  def load(name, config):
    asked.append((name, config))
    return task

  monkeypatch.setattr('st_tf.task.load', load)
  return asked


def test_a_ticket_is_scored_on_its_own_task_with_its_own_data_settings(ticket, tmp_path, loaded, capsys):
  provenance = Provenance(config={'task': 'module:tests.tiny', 'data_seed': 7, 'data_dir': 'there', 'epochs': 3})
  dataclasses.replace(ticket, provenance=provenance).save(tmp_path / 'ticket')
  evaluate.main(['evaluate', f'--ticket={tmp_path / "ticket"}', '--task=module:tests.tiny', '--data_dir=here', '--split=validation'])
  assert loaded == [('module:tests.tiny', DataConfig(data_dir='here', data_seed=7, image_size=tiny.SIDE))]
  assert f'network  {tmp_path / "ticket"}\n         50.0% sparse, fingerprint ' in capsys.readouterr().out


def test_a_ticket_whose_task_is_code_runs_none(ticket, tmp_path, loaded):
  ticket.save(tmp_path / 'ticket')
  with pytest.raises(TaskError, match=r'A ticket is data, and brings no code\. .* --task=module:tests\.tiny'):
    evaluate.main(['evaluate', f'--ticket={tmp_path / "ticket"}'])
  assert not loaded


def test_another_task_has_settings_of_its_own(ticket, tmp_path, loaded):
  dataclasses.replace(ticket, provenance=Provenance(config={'data_seed': 7})).save(tmp_path / 'ticket')
  evaluate.main(['evaluate', f'--ticket={tmp_path / "ticket"}', '--task=folder:x', '--split=validation'])
  assert loaded == [('folder:x', DataConfig(image_size=tiny.SIDE))]


def test_a_ticket_of_other_labels_is_refused(ticket, tmp_path, loaded):
  labels = tuple(f'other {label}' for label in ticket.task.labels)
  dataclasses.replace(ticket, task=dataclasses.replace(ticket.task, labels=labels)).save(tmp_path / 'ticket')
  with pytest.raises(TicketError, match='on the labels it was trained for'):
    evaluate.main(['evaluate', f'--ticket={tmp_path / "ticket"}', '--task=module:tests.tiny'])


def test_a_ticket_and_its_file_score_the_same(ticket, task, loaded, tmp_path, capsys):
  ticket.save(tmp_path / 'ticket')
  convert(ticket.build_model(raw=True), next(task.dataset('test', 4).as_numpy_iterator())[0], tmp_path / 'model.tflite')
  evaluate.main(['evaluate', f'--ticket={tmp_path / "ticket"}', '--task=module:tests.tiny', '--split=validation', '--json', '--per_class'])
  drawn = json.loads(capsys.readouterr().out)
  evaluate.main(['evaluate', f'--model={tmp_path / "model.tflite"}', '--task=shapes', '--pixels=task', '--split=validation', '--json'])
  file = json.loads(capsys.readouterr().out)
  assert file['scores'] == pytest.approx(drawn['scores'], abs=1e-5)
  assert file['notes'][0] == 'pixels: normalised as those of the task, as --pixels=task says'
  assert file['examples'] == drawn['examples'] and 'per_class' not in file
  assert sum(entry['count'] for entry in drawn['per_class'].values()) == drawn['examples']
  assert loaded[1] == ('shapes', DataConfig(image_size=tiny.SIDE))


def test_all_splits_of_new_pictures_are_scored_together(ticket, task, loaded, tmp_path, capsys, monkeypatch):
  ticket.save(tmp_path / 'ticket')
  command = ['evaluate', f'--ticket={tmp_path / "ticket"}', '--task=module:tests.tiny', '--json']
  right = examples = 0
  for split in (*tiny.SIZES, 'all'):
    evaluate.main([*command, f'--split={split}'])
    found = json.loads(capsys.readouterr().out)
    assert found['examples'] == tiny.SIZES.get(split, sum(tiny.SIZES.values()))
    if split != 'all':
      right, examples = right + round(found['scores']['top1'] * found['examples']), examples + found['examples']
  assert found['scores']['top1'] == pytest.approx(right / examples)
  monkeypatch.setattr(task, 'semantics', {'kind': 'keypoints'})
  with pytest.raises(UserError, match=r'Joints are scored split by split\. Received: --split=all\. Name one of train, validation, test'):
    evaluate.main([*command, '--split=all'])


def test_wrong_pictures_are_listed_by_name(ticket, task, loaded, tmp_path, capsys, monkeypatch):
  ticket.save(tmp_path / 'ticket')
  monkeypatch.setattr(task, 'names', lambda split: [f'{split}/{index}.jpg' for index in range(tiny.SIZES[split])])
  command = ['evaluate', f'--ticket={tmp_path / "ticket"}', '--task=module:tests.tiny', f'--wrong={tmp_path / "wrong.csv"}', '--split=all']
  evaluate.main(command)
  listed = mistakes.read(tmp_path / 'wrong.csv')
  examples = sum(tiny.SIZES.values())
  said = capsys.readouterr().out
  assert f'wrong    {len(listed)} pictures, listed in {tmp_path / "wrong.csv"}\n' in said and 0 < len(listed) < examples
  assert f'top-1 accuracy  {1 - len(listed) / examples:.1%}\n' in said
  scores = [each.score for each in listed]
  assert scores == sorted(scores, reverse=True) and all(each.of_truth <= each.score for each in listed)
  truths = {f'{split}/{index}.jpg': label for split in tiny.SIZES for index, label in enumerate(_truths(task, split))}
  assert all(truths[each.picture] == each.truth != each.answer for each in listed)


def _truths(task, split):
  return [task.labels[label] for _, targets in task.dataset(split, 8) for label in targets.numpy().argmax(-1)]


def test_a_split_that_was_drawn_is_said_to_be(ticket, task, loaded, tmp_path, capsys, monkeypatch):
  ticket.save(tmp_path / 'ticket')
  monkeypatch.setattr(task, 'origins', {'test': 'a tenth of train drawn by data_seed'})
  evaluate.main(['evaluate', f'--ticket={tmp_path / "ticket"}', '--task=module:tests.tiny'])
  assert 'split    a tenth of train drawn by data_seed\n' in capsys.readouterr().out

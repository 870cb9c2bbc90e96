"""What every way to a ticket does before and after the method's own part."""

import hashlib
import importlib
import json

import numpy as np
from PIL import Image
import pytest

from st_tf import predict
from st_tf.api import drawing
from st_tf.arch.specs import SpecError
from st_tf.config import Identity
from st_tf.config.request import Request
from st_tf.models import families
from st_tf.models.families._applications import application, at
from st_tf.runs.workdir import Workdir
from st_tf.task import TaskError
from st_tf.ticket import Ticket
from tests import applications, networks, tiny
from tflite import export
from tflite.runtimes import wasm

evaluate = importlib.import_module('st_tf.evaluate')


def test_a_task_at_hand_is_not_looked_for():
  task = tiny.task()
  found, config = drawing.prepared(Request.of({'task': 'nowhere', 'epochs': 3}), task)
  assert found is task and (config.epochs, config.task) == (3, 'nowhere')


def test_a_task_says_what_suits_it_and_what_should_be_known(capsys):
  task = tiny.task()
  task.settings, task.notes = {'optimizer': 'adam', 'epochs': 9}, ('2 pictures were left out',)
  _, config = drawing.prepared(Request.of({'epochs': 3, 'batch_size': 16}), task)
  assert (config.training.optimizer, config.epochs) == ('adam', 3) and capsys.readouterr().out == '2 pictures were left out\n'


def test_a_task_that_is_not_there_is_named():
  with pytest.raises(TaskError, match="Received: 'cifar1000'. Did you mean cifar100?"):
    drawing.prepared(Request.of({'task': 'cifar1000'}))


def test_a_network_is_the_tasks_own_where_none_is_named_and_none_comes_with_a_ticket():
  task = tiny.task()
  assert drawing.with_supernet(task, tiny.config()).supernet == task.default_supernet
  assert drawing.with_supernet(task, tiny.config(supernet='cifar')).supernet == 'cifar'
  assert drawing.with_supernet(task, tiny.config(init_from='ticket')).supernet == ''


@pytest.mark.parametrize(('settings', 'told'), [({}, True), ({'init_from': 'ticket'}, False), ({'epochs': 200}, False)])
def test_few_steps_are_told_of_trainings_from_the_first_weights_on(settings, told, capsys):
  drawing.tell_of_few_steps(tiny.task(), tiny.config(**settings))
  assert ('training steps; thousands are usual' in capsys.readouterr().out) is told


@pytest.fixture
def cached(monkeypatch, tmp_path):
  """mobilenet_v2 is a small network, whose weights would lie where Keras keeps its own: their file."""
  monkeypatch.setenv('HOME', str(tmp_path))
  files = at('nowhere', ('speck_no_top.h5', ''), ('speck.h5', ''))
  monkeypatch.setattr(families, 'named', lambda name: application(applications.speck, 'signed', lambda size: files))
  file = tmp_path / '.keras' / 'models' / 'speck_no_top.h5'
  file.parent.mkdir(parents=True)
  return file


def asked(**settings):
  return drawing.prepared(Request.of({'task': 'module:tests.tiny', 'supernet': 'mobilenet_v2'} | settings), tiny.task())[1]


def test_a_run_is_known_by_what_is_in_the_weights_that_it_found(cached):
  random = asked()
  assert (random.weights, random.pruning.ranking) == ('none', 'erk') and 'weights' not in Identity.of(random).digests
  model = networks.stirred(applications.speck(None, False, (8, 8, 3)), np.random.default_rng(0))
  model.save_weights(cached)
  for found in (asked(), asked(weights='imagenet'), asked(weights=str(cached))):
    assert (found.weights, found.pruning.ranking) == (str(cached), 'global')
    identity = Identity.of(found)
    assert identity.digests['weights'] == hashlib.sha256(cached.read_bytes()).hexdigest()[:16]
    assert identity.portable()['weights'] == f'speck_no_top.h5#{identity.digests["weights"]}'
  networks.stirred(model, np.random.default_rng(1)).save_weights(cached)
  assert Identity.of(asked()).fingerprint != identity.fingerprint != Identity.of(random).fingerprint
  assert asked(weights='none') == random


def test_what_weights_cannot_be_had_for_is_told_before_data_are_read(cached):
  with pytest.raises(SpecError, match="Received: 'gone.h5', which does not exist"):
    drawing.prepared(Request.of({'task': 'nowhere', 'supernet': 'mobilenet_v2', 'weights': 'gone.h5'}))
  with pytest.raises(SpecError, match='Received: --weights=imagenet and --supernet=.*tiny_supernet.json. Leave it out'):
    drawing.prepared(Request.of({'task': 'module:tests.tiny', 'weights': 'imagenet'}), tiny.task())


SLOW = pytest.mark.slow
RANDOM = {'supernet': 'efficientnet_lite0', 'weights': 'none'}


@pytest.mark.parametrize(
  ('name', 'start', 'rate'),
  [
    pytest.param('shapes_segmentation', {}, 0.02, marks=[SLOW, pytest.mark.long]),
    pytest.param('shapes_keypoints', {}, 0.001, marks=SLOW),
    pytest.param('shapes_segmentation', RANDOM, 0.05, marks=[SLOW, pytest.mark.long]),
    pytest.param('shapes_keypoints', RANDOM, 0.003, marks=[SLOW, pytest.mark.long]),
  ],
)
def test_maps_are_drawn_from_a_network_scored_exported_and_seen(name, start, rate, tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(f'tasks.{name}.SIZES', {'train': 40, 'validation': 20, 'test': 20})
  monkeypatch.setattr(wasm, 'missing', lambda: 'No browser in this test.')
  networks.stirred(networks.strided(), np.random.default_rng(0)).save(tmp_path / 'trained.keras')
  own = {'task': name, 'supernet': f'keras:{tmp_path / "trained.keras"}', 'pixels': 'signed', 'image_size': 32, 'epochs': 1}
  task, config = drawing.prepared(Request.of(tiny.SETTINGS | own | {'target_macs': 0.6} | start))
  assert config.training.learning_rate == pytest.approx(rate) and config.pruning.ranking == ('erk' if start else 'global')
  (folder,) = drawing.draw_into(task, config, Workdir(tmp_path / 'run', config))
  ticket = Ticket.load(folder)
  assert 0.5 * ticket.cost.supernet_macs < ticket.cost.macs <= 0.6 * ticket.cost.supernet_macs
  assert ticket.input_shape == (32, 32, 3) and ticket.task.mean == (0.5, 0.5, 0.5)
  assert 'head/refine0/mix/kernel' in ticket.masks and 'head/classifier/kernel' not in ticket.masks
  assert task.primary_metric in ticket.metrics['test'] and (folder / 'report' / 'index.html').is_file()
  export.main(['export', f'--ticket={folder}', f'--out={tmp_path / "model.tflite"}'])
  facts = json.loads((tmp_path / 'model.export.json').read_text())
  assert 'each pixel of the map comes four times' in facts['graph'] and facts['largest_difference'] < 1e-4
  for network in (f'--ticket={folder}', f'--model={tmp_path / "model.tflite"}'):
    capsys.readouterr()
    evaluate.main(['evaluate', network, f'--task={name}', '--split=validation', '--json', '--image_size=32'])
    scores = json.loads(capsys.readouterr().out)['scores']
    assert scores[task.primary_metric] == pytest.approx(ticket.metrics['validation'][task.primary_metric], abs=1e-3)
  Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(tmp_path / 'picture.png')
  predict.main(['predict', f'--ticket={folder}', f'--image={tmp_path / "picture.png"}', f'--out={tmp_path / "seen.png"}'])
  assert (tmp_path / 'seen.png').is_file() and task.labels[0] in capsys.readouterr().out

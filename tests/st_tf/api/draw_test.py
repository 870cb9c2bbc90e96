"""The function for Python draws what the command draws, from tasks by name and from data of one's own."""

import importlib
import json
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
import tf_keras as keras

import st_tf
from st_tf.api.draw import draw
from st_tf.arch import presets
from st_tf.config import ConfigError
from st_tf.errors import UserError
from st_tf.runs.folder import WorkdirError
from st_tf.runs.run import Run
from tests import tiny
from tests.conformance.sources import ROOT

SETTINGS = {name: value for name, value in tiny.SETTINGS.items() if name != 'task'} | {'epochs': 2, 'sparsity': 0.5}


@pytest.fixture(scope='module')
def supernet(tmp_path_factory) -> str:
  path = tmp_path_factory.mktemp('supernet') / 'speck.json'
  path.write_text(presets.to_text(tiny.SPECK))
  return str(path)


@pytest.fixture(scope='module')
def ticket(tmp_path_factory, supernet):
  """Of an undisturbed call."""
  return draw('module:tests.tiny', supernet=supernet, workdir=tmp_path_factory.mktemp('drawn') / 'run', deliver=False, **SETTINGS)


def images(count: int, side: int = 16) -> np.ndarray:
  return np.random.default_rng(count).integers(0, 256, (count, side, side, 3)).astype(np.uint8)


def test_the_package_hands_it_on():
  assert st_tf.draw is draw


def test_it_is_the_commands_ticket_bit_for_bit(ticket, supernet, tmp_path):
  train = importlib.import_module('st_tf.train')
  flags = SETTINGS | {'task': 'module:tests.tiny', 'supernet': supernet, 'workdir': tmp_path / 'run'}
  assert train.main(['train', '--nodeliver', *(f'--{name}={value}' for name, value in flags.items())]) == 0
  found = st_tf.Ticket.load(tmp_path / 'run' / 'tickets' / 'sparsity_0.5')
  assert found.fingerprint == ticket.fingerprint and found.metrics == ticket.metrics


@pytest.mark.usefixtures('interruptible_process')
def test_an_interruption_saves_and_the_same_call_goes_on_to_the_same_ticket(ticket, supernet, tmp_path, monkeypatch, capsys):
  taken, step = [], Run.step

  def interrupted(run, *batch):
    step(run, *batch)
    taken.append(run.trainer.step)
    if len(taken) == 3:
      signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

  call = SETTINGS | {'supernet': supernet, 'workdir': tmp_path / 'run', 'deliver': False}
  with monkeypatch.context() as patch:
    patch.setattr(Run, 'step', interrupted)
    with pytest.raises(KeyboardInterrupt, match='the same call continues from step'):
      draw('module:tests.tiny', **call)
  found = draw('module:tests.tiny', **call)
  assert 'Continuing at step' in capsys.readouterr().out and found.fingerprint == ticket.fingerprint


def test_what_the_command_would_say_is_raised(supernet, tmp_path):
  with pytest.raises(ConfigError, match=r'--sparsity lies in \[0, 1\)\. Received: 90\. Write 90 percent as --sparsity=0\.9'):
    draw('module:tests.tiny', sparsity=90, workdir=tmp_path / 'run')
  with pytest.raises(ConfigError, match=r'--ship goes with the delivery\. Received: no delivery'):
    draw('module:tests.tiny', deliver=False, ship=True, workdir=tmp_path / 'run')
  assert not (tmp_path / 'run').exists()


def test_a_task_brings_the_settings_that_suit_it(supernet, tmp_path):
  task = tiny.task()
  task.settings = {'optimizer': 'adam', 'learning_rate': 0.003}
  given = SETTINGS | {'epochs': 1, 'method': 'dense', 'sparsity': 0.0}
  draw(task, supernet=supernet, workdir=tmp_path / 'run', deliver=False, **given)
  assert json.loads((tmp_path / 'run' / 'config.json').read_text())['optimizer'] == 'adam'


def test_own_arrays_are_drawn_from_and_go_on_with_the_same_data_only(supernet, tmp_path):
  labels = np.arange(96) % 2
  call = SETTINGS | {'supernet': supernet, 'workdir': tmp_path / 'run', 'epochs': 1, 'sparsity': 0.5}
  task = st_tf.Task.from_datasets((images(96), labels), labels=['even', 'odd'])
  found = draw(task, **call)
  assert found.task.labels == ('even', 'odd') and 'test' in found.metrics and found.predict(images(1)[0]).label in ('even', 'odd')
  with pytest.raises(WorkdirError, match=r'--task=own \(other contents than it had\)'):
    draw(st_tf.Task.from_datasets((images(96)[::-1], labels), labels=['even', 'odd']), **call)


def test_python_calls_have_the_kernels_that_commands_have():
  script = 'import os, st_tf; st_tf.Task; print(os.environ["TF_ENABLE_ONEDNN_OPTS"])'
  environment = {name: value for name, value in os.environ.items() if name != 'TF_ENABLE_ONEDNN_OPTS'}
  done = subprocess.run([sys.executable, '-c', script], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
  assert done.stdout == '1\n'


@pytest.mark.slow
def test_somebody_elses_tasks_are_not_taken_for_ours(tmp_path):
  (tmp_path / 'tasks.py').write_text('')
  script = 'from st_tf.errors import UserError\nimport st_tf\ntry:\n  st_tf.draw("shapes")\nexcept UserError as error:\n  print(error)'
  environment = os.environ | {'PYTHONPATH': os.pathsep.join([str(tmp_path), str(ROOT)])}
  done = subprocess.run([sys.executable, '-c', script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
  assert done.stdout.startswith('The package tasks is that beside st_tf. Received: ') and 'tasks.py, which comes first' in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['segmentation', pytest.param('keypoints', marks=pytest.mark.long)])
def test_own_masks_and_joints_are_drawn_from(kind, tmp_path):
  pictures = images(48, 32)
  masks = (pictures.mean(-1) > 127).astype(np.int32)
  joints = np.concatenate([np.random.default_rng(0).uniform(2, 30, (48, 4, 2)), np.full((48, 4, 1), 2.0)], -1)
  task = st_tf.Task.from_datasets((pictures, masks if kind == 'segmentation' else joints))
  found = draw(task, supernet='tiny_dense', workdir=tmp_path / 'run', **SETTINGS | {'epochs': 1, 'batch_size': 8})
  assert found.kind == kind and (tmp_path / 'run' / 'tickets' / 'sparsity_0.5' / 'report' / 'index.html').is_file()
  seen = found.predict(pictures[0])
  assert seen.labels.shape == seen.crop.shape[:2] if kind == 'segmentation' else seen.joints.shape == (4, 3)


def trained_model():
  image = keras.Input((tiny.SIDE, tiny.SIDE, 3), name='image')
  x = keras.layers.ReLU()(keras.layers.Conv2D(6, 3, padding='same')(keras.layers.Rescaling(1 / 255)(image)))
  x = keras.layers.ReLU()(keras.layers.Conv2D(8, 1, name='hidden')(x))
  return keras.Model(image, keras.layers.Dense(3, 'softmax')(keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 1)(x))))


def test_a_model_in_memory_is_drawn_from_and_the_same_call_goes_on(tmp_path):
  settings = {'task': 'module:tests.tiny', 'workdir': tmp_path / 'run', 'epochs': 1, 'batch_size': 16, 'sparsity': 0.5, 'deliver': False}
  model = trained_model()
  ticket = st_tf.draw(model=model, **settings)
  assert ticket.input_shape == (tiny.SIDE, tiny.SIDE, 3) and 0.25 < ticket.cost.macs / ticket.cost.supernet_macs <= 0.6
  again = st_tf.draw(model=model, **settings)
  assert again.fingerprint == ticket.fingerprint and len(list(tmp_path.glob('run-*.keras'))) == 1


@pytest.mark.parametrize(
  'given, message',
  [
    ({'model': 3, 'workdir': 'run'}, 'A network is a model of Keras. Received: int'),
    ({'model': 3, 'workdir': 'run', 'supernet': 'tiny'}, 'one supernet. Received: model and supernet='),
    ({'model': 3}, 'beside the folder of the run. Received: no workdir'),
  ],
)
def test_a_model_that_cannot_be_drawn_from_is_refused(given, message):
  with pytest.raises(UserError, match=message):
    st_tf.draw('module:tests.tiny', **given)

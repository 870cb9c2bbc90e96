"""Every method that draws from first weights draws from a trained network too."""

import importlib

import numpy as np
import pytest

from st_tf import methods
from st_tf import task as tasks
from st_tf.api import drawing
from st_tf.comparing.entries import comparable
from st_tf.config.request import Request
from st_tf.runs.workdir import Workdir
from st_tf.search.analysis import analyse
from st_tf.task import DataConfig
from st_tf.ticket import Ticket
from tests import tiny

SHORT = {
  'lottery': {'prune_rounds': 1},
  'search_then_lottery': {'prune_rounds': 1},
  'tuner': {'trials': 2, 'tuner': 'random'},
  'acdc': {'prune_begin': 0.0, 'prune_end': 1.0},
}
OWN = {'gmp'}  # It does something of its own with a graph; so do others, which take longer.
# Others train networks of their own, or begin with a ticket.
FROM_TRAINED = [method for method in comparable() if method != 'elastic' and not methods.named(method).has_networks]
SEARCHING = {'supertickets', 'search_only', 'search_then_prune', 'search_prune_retrain', 'search_then_lottery'}


def drawn(path, folder, method, **settings):
  request = tiny.of_file(path, method=method, **SHORT.get(method, {}) | settings)
  task, config = drawing.prepared(request, tiny.task())
  workdir = Workdir(folder / method, config, stages=folder / 'stages', wait=True)
  return [Ticket.load(found) for found in drawing.draw_into(task, config, workdir, delivered=False)]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  """Where runs share their trainings."""
  return tmp_path_factory.mktemp('methods')


@pytest.mark.parametrize('method', [method if method in OWN else pytest.param(method, marks=pytest.mark.slow) for method in FROM_TRAINED])
def test_a_method_draws_a_ticket_from_a_trained_network(method, trained_file, folder):
  (ticket,) = drawn(trained_file, folder, method)
  assert ticket.sparsity == (0.0 if method in ('dense', 'search_only') else 0.8)
  kept = sum(int(mask.sum()) for mask in ticket.masks.values())
  assert kept == pytest.approx((1 - ticket.sparsity) * sum(mask.size for mask in ticket.masks.values()), abs=2)
  assert all(not ticket.weights[name][~mask].any() for name, mask in ticket.masks.items())
  assert analyse(ticket.arch).macs() == ticket.cost.macs
  if method in SEARCHING or method == 'tuner':
    assert ticket.cost.macs <= 0.6 * ticket.cost.supernet_macs
  else:
    assert ticket.cost.macs == ticket.cost.supernet_macs
  left = {group.name: group.units for group in analyse(ticket.arch).groups}
  assert all(len(units) == left[name] for name, units in ticket.survivors.items())
  assert ticket.provenance.method == method and ticket.predict(np.zeros((8, 8, 3), np.uint8)).label in tiny.LABELS


@pytest.mark.slow
@pytest.mark.parametrize(
  'method', [method if method == 'supertickets' else pytest.param(method, marks=pytest.mark.long) for method in FROM_TRAINED]
)
def test_the_same_command_ends_in_the_same_ticket(method, trained_file, folder, tmp_path):
  (first,), (second,) = drawn(trained_file, folder, method), drawn(trained_file, tmp_path, method)
  assert first.fingerprint == second.fingerprint and first.survivors == second.survivors
  assert first.provenance.training.macs == second.provenance.training.macs


def test_several_sparsities_are_a_ticket_each(trained_file, tmp_path):
  low, high = drawn(trained_file, tmp_path, 'supertickets', sparsity=(0.5, 0.8))
  assert (low.sparsity, high.sparsity) == (0.5, 0.8) and low.survivors == high.survivors
  assert [ticket.cost.zeros for ticket in (low, high)] == [int(share * low.cost.prunable) for share in (0.5, 0.8)]


@pytest.mark.slow
def test_a_winning_ticket_goes_back_to_early_weights_of_the_units_that_are_left(trained_file, folder):
  (ticket,) = drawn(trained_file, folder, 'search_then_lottery')
  (searched,) = drawn(trained_file, folder, 'search_only')
  assert ticket.survivors == searched.survivors and ticket.arch == searched.arch


def learner(keras, outputs):
  """A small classifier of bytes, of either version of Keras."""
  image = keras.Input((32, 32, 3))
  x = keras.layers.Rescaling(1 / 127.5, -1.0)(image)
  x = keras.layers.ReLU()(keras.layers.BatchNormalization()(keras.layers.Conv2D(16, 3, 2, 'same', use_bias=False)(x)))
  for _ in range(2):
    y = keras.layers.ReLU()(keras.layers.BatchNormalization()(keras.layers.Conv2D(48, 1, use_bias=False)(x)))
    y = keras.layers.ReLU()(keras.layers.BatchNormalization()(keras.layers.DepthwiseConv2D(3, padding='same', use_bias=False)(y)))
    x = keras.layers.Add()([x, keras.layers.BatchNormalization()(keras.layers.Conv2D(16, 1, use_bias=False)(y))])
  x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(keras.layers.Conv2D(64, 1)(x)))
  model = keras.Model(image, keras.layers.Dense(outputs, 'softmax')(x))
  model.compile(keras.optimizers.Adam(0.01), 'categorical_crossentropy', metrics=['accuracy'])
  return model


@pytest.mark.slow
@pytest.mark.parametrize(('version', 'suffix'), [(3, '.keras'), pytest.param(2, '.h5', marks=pytest.mark.long)])
def test_a_network_that_keras_has_trained_goes_in_and_a_pruned_one_comes_out(version, suffix, tmp_path):
  keras = importlib.import_module('keras' if version == 3 else 'tf_keras')
  task = tasks.load('shapes', DataConfig(train_examples=2000))
  arrays = [np.concatenate(part) for part in zip(*((images.numpy(), targets.numpy()) for images, targets in task.dataset('train', 100)))]
  trained = learner(keras, task.head.outputs)
  trained.fit(arrays[0] * np.float32(task.deviation) * 255 + np.float32(task.mean) * 255, arrays[1], 64, 8, verbose=0)
  trained.save(tmp_path / f'trained{suffix}')
  own = {'task': 'shapes', 'train_examples': 2000, 'supernet': f'keras:{tmp_path / "trained"}{suffix}', 'epochs': 6, 'sparsity': (0.7,)}
  task, config = drawing.prepared(Request.of(own))
  (folder,) = drawing.draw_into(task, config, Workdir(tmp_path / 'run', config), delivered=False)
  ticket = Ticket.load(folder)
  assert ticket.cost.macs <= 0.4 * ticket.cost.supernet_macs and ticket.metrics['validation']['top1'] > 2.5 / task.head.outputs
  ticket.save_keras(tmp_path / f'pruned{suffix}', version=version)
  opened = (keras.saving if version == 3 else keras.models).load_model(tmp_path / f'pruned{suffix}')
  pixels = np.random.default_rng(0).random((4, 32, 32, 3), np.float32)
  expected = ticket.build_model()(pixels, training=False)
  np.testing.assert_allclose(opened(pixels, training=False), expected, atol=1e-4 * np.abs(expected).max())

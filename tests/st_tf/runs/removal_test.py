import json
import pathlib

import numpy as np
import pytest
import tf_keras as keras

from st_tf import methods
from st_tf.api import drawing, dry_run
from st_tf.arch.latency import LatencyError
from st_tf.arch.specs import HeadSpec
from st_tf.config import ConfigError
from st_tf.config.request import Request
from st_tf.models import cost, families, starts
from st_tf.runs.run import begin
from st_tf.runs.workdir import Workdir
from st_tf.search import moments, prices
from st_tf.search.analysis import analyse
from st_tf.ticket import Ticket
from st_tf.training.plan import Plan
from tests import networks, tiny


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
  """(file of a small trained network with two inverted residuals, the model)."""
  model = networks.residual(tiny.SIDE)
  path = tmp_path_factory.mktemp('trained') / 'model.keras'
  model.save(path)
  return path, model


def request(trained, **changes):
  own = {'supernet': f'keras:{trained[0]}', 'pixels': 'signed', 'epochs': 1, 'target_macs': 0.6, 'unit_multiple': 1}
  return Request.of(tiny.SETTINGS | own | changes)


def started(trained, path, **changes):
  task, config = drawing.prepared(request(trained, **changes), tiny.task())
  return begin(task, config, Plan.of(config, tiny.STEPS_PER_EPOCH), Workdir(path, config))


@pytest.fixture(scope='module')
def finished(trained, tmp_path_factory):
  """(task, settings, workdir, folders of the tickets) of a whole run."""
  path = tmp_path_factory.mktemp('lite') / 'run'
  task, config = drawing.prepared(request(trained), tiny.task())
  workdir = Workdir(path, config)
  return task, config, workdir, drawing.draw_into(task, config, workdir)


def test_units_go_before_the_first_step_until_the_target_is_met(finished):
  _, _, workdir, (folder,) = finished
  ticket = Ticket.load(folder)
  (shrink,) = [row for row in workdir.history.rows() if row['event'] == 'shrink']
  assert shrink['step'] == 0 and shrink['macs_after'] <= 0.6 * shrink['macs_before'] == pytest.approx(0.6 * ticket.cost.supernet_macs)
  assert shrink['macs_after'] > 0.56 * shrink['macs_before'] and ticket.cost.macs == shrink['macs_after']
  assert analyse(ticket.arch).macs() == ticket.cost.macs and analyse(ticket.supernet).macs() == ticket.cost.supernet_macs
  # Scores took one pass of the whole network over all pictures, since there are fewer than asked for.
  spent = 96 * (ticket.cost.supernet_macs + moments.macs(ticket.supernet)) + 3 * 96 * ticket.cost.macs
  assert (ticket.provenance.training.epochs, ticket.provenance.training.macs) == (2.0, spent)
  left = {group.name: group.units for group in analyse(ticket.arch).groups}
  assert all(len(units) == left[name] for name, units in ticket.survivors.items()) and left['expand0'] <= 16


def test_the_ticket_comes_back_with_its_network_and_its_zeros(finished):
  task, _, _, (folder,) = finished
  ticket = Ticket.load(folder)
  model = ticket.build_model(raw=True)
  assert cost.of(model).macs == ticket.cost.macs
  kept = sum(int(mask.sum()) for mask in ticket.masks.values())
  assert kept == pytest.approx(0.2 * sum(mask.size for mask in ticket.masks.values()), abs=2)
  assert (folder / 'model.tflite').is_file() and (folder / 'report' / 'index.html').is_file()
  assert ticket.predict(np.zeros((8, 8, 3), np.uint8)).label in task.labels


@pytest.mark.parametrize('raw', [False, True])
def test_the_ticket_of_a_trained_network_leaves_as_a_file_that_keras_3_opens(finished, tmp_path, raw):
  import keras as keras3

  _, _, _, (folder,) = finished
  ticket = Ticket.load(folder)
  ticket.save_keras(tmp_path / 'pruned.keras', raw, version=3)
  model, pixels = keras3.saving.load_model(tmp_path / 'pruned.keras'), np.random.default_rng(0).random((2, 8, 8, 3), np.float32)
  np.testing.assert_allclose(model(pixels, training=False), ticket.build_model(raw)(pixels, training=False), atol=1e-5)
  kernels = {f'{layer.name}/kernel': layer for layer in model.layers}
  for name, mask in ticket.masks.items():
    np.testing.assert_array_equal(np.asarray(kernels[name.replace('/', '.', name.count('/') - 1)].kernel) != 0, mask)


def test_pixels_are_what_the_trained_network_wants(finished):
  task, _, _, (folder,) = finished
  images, _ = next(iter(task.dataset('validation', 4)))
  pixels = tiny.task().normalisation.denormalised(next(iter(tiny.task().dataset('validation', 4)))[0])
  np.testing.assert_allclose(images, pixels.astype(np.float32) / 127.5 - 1, atol=1e-5)
  assert Ticket.load(folder).task.mean == task.mean == (0.5, 0.5, 0.5)


def test_the_callers_task_keeps_its_own_pixels(trained):
  task = tiny.task()
  mean = task.mean
  prepared, _ = drawing.prepared(request(trained), task)
  assert task.mean == mean != prepared.mean


def test_the_run_begins_with_the_trained_weights(trained, tmp_path):
  run = started(trained, tmp_path / 'run', target_macs=0.0)
  np.testing.assert_array_equal(run.trainer.values()['expand1/kernel'], trained[1].get_layer('expand1').kernel)
  assert run.trainer.untrained == {'head/classifier'}  # The file's own has other outputs.


def test_the_same_run_removes_the_same_units(trained, finished, tmp_path):
  survivors = Ticket.load(finished[3][0]).survivors
  assert started(trained, tmp_path / 'run').trainer.survivors == survivors


def test_a_target_below_what_is_left_of_the_least_is_refused(trained, tmp_path):
  with pytest.raises(
    ConfigError,
    match=r'--target_macs is at least what is left with one unit of each group that no skip goes past, [\d,]+ MACs here .* Received: 0.01',
  ):
    started(trained, tmp_path / 'run', target_macs=0.01)


def test_a_dry_run_says_where_weights_come_from(trained, monkeypatch):
  monkeypatch.setattr('st_tf.api.dry_run._seconds', lambda trainer, plan: (1.0, 0.1))

  def plan(**changes):
    task, config = drawing.prepared(request(trained, **changes), tiny.task())
    return '\n'.join(dry_run.describe(task, config, pathlib.Path('somewhere')))

  assert 'weights     those of the file' in plan() and 'random ones' in plan(weights='none', target_macs=0)
  with pytest.raises(ConfigError, match='--target_macs is at least what is left with one unit of each group'):
    plan(target_macs=0.01)


def test_settings_suit_the_network_and_are_overridden(trained, capsys):
  task = tiny.task()
  given = {'task': 'module:tests.tiny', 'supernet': f'keras:{trained[0]}', 'pixels': 'units'}
  _, config = drawing.prepared(Request.of(given), task)
  assert config.search.unit_search == 'scores' and config.pruning.ranking == 'global' and config.training.learning_rate == 0.05
  _, config = drawing.prepared(Request.of(given | {'learning_rate': 0.3}), task)
  assert config.training.learning_rate == 0.3
  capsys.readouterr()
  _, config = drawing.prepared(Request.of(given | {'weights': 'none'}), task)
  assert config.search.unit_search == 'factors' and config.pruning.ranking == 'erk'
  assert 'random weights' not in capsys.readouterr().out
  _, config = drawing.prepared(Request.of(given | {'weights': 'none', 'unit_search': 'scores'}), task)
  assert config.search.unit_search == 'scores' and 'Scores say little of random weights' in capsys.readouterr().out
  drawing.prepared(Request.of(given | {'weights': 'none', 'unit_search': 'scores', 'target_macs': 0, 'penalty': 0}), task)
  assert 'random weights' not in capsys.readouterr().out, 'nothing is searched'
  with pytest.raises(ConfigError, match=r'searched by scores\. Received: --unit_multiple=4 and a search by factors'):
    drawing.prepared(Request.of(given | {'weights': 'none', 'unit_multiple': 4}), task)


@pytest.mark.slow
def test_a_family_begins_with_its_published_weights_and_pixels(tmp_path):
  name = 'efficientnet_lite0'
  np.savez(tmp_path / 'weights.npz', **networks.published(families.supernet(name, HeadSpec('classification', 3), (8, 8))))
  wanted = Request.of(tiny.SETTINGS | {'supernet': name, 'weights': str(tmp_path / 'weights.npz'), 'epochs': 1, 'target_macs': 0.6})
  task, config = drawing.prepared(wanted, tiny.task())
  trainer = begin(task, config, Plan.of(config, tiny.STEPS_PER_EPOCH), Workdir(tmp_path / 'run', config)).trainer
  assert 0.59 * trainer.initial['macs'] < trainer.macs <= 0.6 * trainer.initial['macs']
  assert trainer.task.mean == pytest.approx([127 / 255] * 3) and trainer.task.deviation == pytest.approx([128 / 255] * 3)
  assert all(np.isfinite(value).all() for value in trainer.values().values())


@pytest.mark.slow
@pytest.mark.long
def test_a_network_of_keras_applications_is_drawn_from_by_name(tmp_path):
  keras.applications.MobileNetV2(weights=None, include_top=False, alpha=0.35, input_shape=(32, 32, 3)).save_weights(tmp_path / 'weights.h5')
  own = {'supernet': 'mobilenet_v2:0.35', 'weights': str(tmp_path / 'weights.h5'), 'epochs': 1, 'target_macs': 0.6}
  own |= {'task': 'shapes', 'train_examples': 96}
  task, config = drawing.prepared(Request.of(tiny.SETTINGS | own))
  (folder,) = drawing.draw_into(task, config, Workdir(tmp_path / 'run', config))
  ticket = Ticket.load(folder)
  assert ticket.cost.macs <= 0.6 * ticket.cost.supernet_macs and ticket.sparsity == pytest.approx(0.8, abs=0.01)
  assert ticket.task.mean == ticket.task.deviation == (0.5, 0.5, 0.5)
  assert (folder / 'model.tflite').is_file()


def test_a_preset_has_no_scores(tmp_path):
  config = tiny.config(unit_search='scores', target_macs=0.6)
  with pytest.raises(ConfigError, match='goes with a network by name. Received: a preset'):
    begin(tiny.task(), config, Plan.of(config, tiny.STEPS_PER_EPOCH), Workdir(tmp_path / 'run', config))


@pytest.mark.slow
@pytest.mark.parametrize('given', [{}, {'prune_begin': 0.1, 'prune_end': 0.25, 'quantize': 'int8', 'quantize_begin': 0.25}])
def test_an_interrupted_run_ends_as_the_undisturbed_one(trained, tmp_path, given):
  task, config = drawing.prepared(request(trained, epochs=2, **given), tiny.task())
  (whole,) = drawing.draw_into(task, config, Workdir(tmp_path / 'whole', config), delivered=False)
  with tiny.interrupted():
    methods.named(config.method).draw(task, config, Workdir(tmp_path / 'parts', config))
  (parts,) = drawing.draw_into(task, config, Workdir(tmp_path / 'parts', config), delivered=False)
  first, second = Ticket.load(whole), Ticket.load(parts)
  assert first.fingerprint == second.fingerprint and first.survivors == second.survivors
  assert first.provenance.training.macs == second.provenance.training.macs


@pytest.mark.slow
def test_a_ticket_of_a_trained_network_is_trained_further_with_the_pixels_it_wants(finished, tmp_path):
  folder = finished[3][0]
  wanted = Request.of(tiny.SETTINGS | {'method': 'fine_tune', 'init_from': str(folder), 'epochs': 1})
  task, config = drawing.prepared(wanted, tiny.task())
  assert tuple(task.mean) == (0.5, 0.5, 0.5)
  (tuned,) = drawing.draw_into(task, config, Workdir(tmp_path / 'run', config), delivered=False)
  before, after = Ticket.load(folder), Ticket.load(tuned)
  assert after.arch == before.arch and after.sparsity == before.sparsity
  assert all(np.array_equal(mask, after.masks[name]) for name, mask in before.masks.items())


def table(trained, path, slow='', size=None):
  """A made-up table of the network: a millisecond for each 10,000 MACs of a layer, 200 of those that are slow."""
  task = tiny.task()
  graph = starts.start(f'keras:{trained[0]}', '', 'signed', task.head, size or task.image_size).graph
  macs = prices.layer_macs(analyse(graph))
  times = {layer: count / 1e4 * (200 if slow and layer.startswith(slow) else 1) for layer, count in macs.items()}
  operations = [{'layers': [layer], 'macs': [macs[layer]], 'milliseconds': [time]} for layer, time in times.items()]
  facts = {'supernet': graph.to_json(), 'head': 'classification', 'settings': {'runtime': 'made up'}, 'base': 0.0, 'whole': 1.0}
  path.write_text(json.dumps(facts | {'operations': operations}))
  return {'cost': f'latency:{path}', 'target_macs': 0.0}, sum(times.values())


def test_milliseconds_that_follow_macs_remove_what_macs_remove_and_are_told(trained, finished, tmp_path):
  by_table, whole = table(trained, tmp_path / 'table.json')
  task, config = drawing.prepared(request(trained, target_latency_ms=0.6 * whole + 1e-9, **by_table), tiny.task())
  workdir = Workdir(tmp_path / 'run', config)
  (folder,) = drawing.draw_into(task, config, workdir, delivered=False)
  ticket = Ticket.load(folder)
  assert ticket.survivors == Ticket.load(finished[3][0]).survivors
  assert ticket.provenance.latency == {'milliseconds': pytest.approx(ticket.cost.macs / 1e4), 'table': {'runtime': 'made up'}}
  shrink, *epochs = [row for row in workdir.history.rows() if row['event'] in ('shrink', 'epoch')]
  assert (shrink['latency_ms_before'], shrink['latency_ms_after']) == (pytest.approx(whole), ticket.provenance.latency['milliseconds'])
  assert [row['latency_ms'] for row in epochs] == [ticket.provenance.latency['milliseconds']]


def test_layers_keep_numbers_of_units_that_kernels_like(trained, finished, tmp_path):
  run = started(trained, tmp_path / 'run', unit_multiple=4)
  left = {name: len(units) for name, units in run.trainer.survivors.items() if name.startswith('expand')}
  assert all(count % (4 if count >= 16 else 2) == 0 for count in left.values() if count >= 8), left
  assert run.trainer.macs <= 0.6 * run.trainer.initial['macs'] and left != {
    name: len(units) for name, units in Ticket.load(finished[3][0]).survivors.items() if name.startswith('expand')
  }


def test_units_of_a_slow_layer_go_first(trained, finished, tmp_path):
  by_table, whole = table(trained, tmp_path / 'table.json', slow='expand0')
  run = started(trained, tmp_path / 'run', target_latency_ms=0.6 * whole, **by_table)
  assert 0.55 * whole < run.trainer.price() <= 0.6 * whole
  left, by_macs = (
    {name: len(units) for name, units in each.items()} for each in (run.trainer.survivors, Ticket.load(finished[3][0]).survivors)
  )
  assert left['expand1'] - left['expand0'] > by_macs['expand1'] - by_macs['expand0'] and left['expand1'] > by_macs['expand1']


def test_a_table_can_charge_for_units_while_macs_are_limited(trained, finished, tmp_path):
  by_table, _ = table(trained, tmp_path / 'table.json', slow='expand1')
  run = started(trained, tmp_path / 'run', **(by_table | {'target_macs': 0.6}))
  by_macs = Ticket.load(finished[3][0])
  assert run.trainer.macs == by_macs.cost.macs  # A unit has as many MACs in either group.
  assert len(run.trainer.survivors['expand1']) < len(by_macs.survivors['expand1'])


def test_milliseconds_below_what_is_left_of_the_least_are_refused(trained, tmp_path):
  by_table, _ = table(trained, tmp_path / 'table.json')
  message = r'--target_latency_ms is at least what is left with one unit of each group that .*, \d\.\d\d ms here .* Received: 0.001'
  with pytest.raises(ConfigError, match=message):
    started(trained, tmp_path / 'run', target_latency_ms=0.001, **by_table)


def test_a_table_of_another_network_is_refused(trained, tmp_path):
  by_table, whole = table(trained, tmp_path / 'table.json', size=(16, 16))
  with pytest.raises(LatencyError, match=r'a table of another one \(16x16 pixels, 3 outputs; the task has 8x8 pixels, 3 outputs\)'):
    started(trained, tmp_path / 'run', target_latency_ms=whole, **by_table)

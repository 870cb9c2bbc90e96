import json
import pathlib

import numpy as np
import pytest

from st_tf import methods
from st_tf.api import drawing, dry_run
from st_tf.config import ConfigError
from st_tf.models import cost, starts
from st_tf.runs import factoring
from st_tf.runs.run import begin
from st_tf.runs.workdir import Workdir
from st_tf.search import prices
from st_tf.search.analysis import analyse
from st_tf.search.factors import SCALE
from st_tf.ticket import Ticket
from st_tf.training.plan import Plan
from tests import networks, tiny

EPOCHS = 2


@pytest.fixture(scope='module')
def file(tmp_path_factory):
  path = tmp_path_factory.mktemp('trained') / 'model.keras'
  networks.residual(tiny.SIDE).save(path)
  return path


def prepared(file, **changes):
  wanted = {'unit_search': 'factors', 'epochs': EPOCHS, 'search_end': 0.75, 'search_interval': 0.25} | changes
  return drawing.prepared(tiny.of_file(file, **wanted), tiny.task())


def started(file, path, **changes):
  task, config = prepared(file, **changes)
  return begin(task, config, Plan.of(config, tiny.STEPS_PER_EPOCH), Workdir(path, config))


def drawn(file, path, **changes):
  task, config = prepared(file, **changes)
  workdir = Workdir(path, config)
  return methods.named(config.method).draw(task, config, workdir), workdir


@pytest.fixture(scope='module')
def finished(file, tmp_path_factory):
  """(ticket, workdir) of a whole run, with a ticket on the way."""
  return drawn(file, tmp_path_factory.mktemp('drawn') / 'run', sparsity=(0.2, 0.8))


def test_a_run_begins_with_the_function_that_the_network_had(file, tmp_path):
  pictures = np.random.default_rng(0).normal(size=(2, tiny.SIDE, tiny.SIDE, 3)).astype(np.float32)
  before = started(file, tmp_path / 'scores', unit_search='scores', target_macs=0.0).trainer
  after = started(file, tmp_path / 'factors').trainer
  np.testing.assert_allclose(after.model(pictures), before.model(pictures), atol=1e-5)
  with after.evaluated(()):
    np.testing.assert_allclose(after.model(pictures), before.model(pictures), atol=1e-5)
  scales = np.concatenate(list(after.factors().values()))
  assert [group.name for group in after.current_groups] == ['expand0', 'expand1'] and 0.01 <= scales.min() < 0.5 < scales.max()
  assert before.supernet == after.supernet and before.initial == after.initial and cost.of(after.model).params == before.initial['params']
  factoring.end(after)
  np.testing.assert_allclose(after.model(pictures), before.model(pictures), atol=1e-5)
  assert after.arch == before.arch and not after.factors() and after.factors_of_graph is None


def test_the_target_is_met_and_no_scale_is_left(finished):
  ticket, workdir = finished
  whole = ticket.cost.supernet_macs
  assert 0.5 * whole < ticket.cost.macs <= 0.6 * whole and analyse(ticket.arch).macs() == ticket.cost.macs
  shrinks = [row for row in workdir.history.rows() if row['event'] == 'shrink']
  assert shrinks[-1]['step'] == 9 and shrinks[-1]['macs_after'] == ticket.cost.macs
  assert {name: len(units) for name, units in ticket.survivors.items()}.items() >= {
    group.name: group.units for group in analyse(ticket.arch).searchable()
  }.items()
  early = Ticket.load(workdir.ticket_path(0.2))
  for each in (ticket, early):
    assert all(node.kind != SCALE for node in each.arch.nodes) and not any(name.endswith('/scale') for name in each.weights)
    model = each.build_model(raw=True)
    assert cost.of(model).macs == each.cost.macs and cost.of(model).params == each.cost.params


def test_a_ticket_on_the_way_has_the_function_of_the_network_with_its_scales(file, tmp_path):
  from st_tf.runs.cutting import cut, origin

  trainer = started(file, tmp_path / 'run').trainer
  trainer.prune(0.4)
  tiny.train(trainer, 2, learning_rate=0.01, strength=0.5)
  ticket = cut(trainer, trainer.task.dataset('train', tiny.BATCH).take(0), 0.4, origin(trainer, '', 0.0))
  pictures = np.random.default_rng(0).normal(size=(2, tiny.SIDE, tiny.SIDE, 3)).astype(np.float32)
  with trainer.evaluated(()):
    np.testing.assert_allclose(ticket.build_model(raw=True)(pictures), trainer.model(pictures), atol=1e-5)


@pytest.mark.slow
def test_the_norms_scales_are_factors_too(file, tmp_path):
  ticket, _ = drawn(file, tmp_path / 'run', factor='gamma')
  assert ticket.cost.macs <= 0.6 * ticket.cost.supernet_macs


def test_only_the_least_important_are_pushed(file, tmp_path):
  run = started(file, tmp_path / 'run', penalised='least', factor_rate=5.0)
  trainer = run.trainer
  pushed, penalty = trainer.factors_of_graph.pushed(trainer.survivors), trainer.penalties()
  left = {name: ~units for name, units in pushed.items()}
  assert analyse(trainer.arch).macs(left) <= 0.6 * trainer.initial['macs'] < analyse(trainer.arch).macs(left) * 1.1
  factors = trainer.factors()
  distances = {name: value / penalty[name] for name, value in factors.items()}
  gone = np.concatenate([distances[name][units] for name, units in pushed.items()])
  stay = np.concatenate([distances[name][~units] for name, units in pushed.items()])
  assert gone.max() < stay.min()
  tiny.train(trainer, 1, learning_rate=0.0, strength=0.0)
  for name, value in trainer.factors().items():
    np.testing.assert_array_equal(value, factors[name])
  trainer.train(*next(tiny.batches(trainer)), 1e-6, 1e5)  # The penalty is all that acts.
  moved = {name: factors[name] - value for name, value in trainer.factors().items()}
  assert all((moved[name][units & (factors[name] > 0.02)] > 1e-3).all() for name, units in pushed.items())
  assert all(np.abs(moved[name][~units]).max() < 1e-3 for name, units in pushed.items() if not units.all())


@pytest.mark.slow
def test_an_interrupted_search_ends_as_the_undisturbed_one(file, finished, tmp_path):
  settings = {'sparsity': (0.2, 0.8)}
  task, config = prepared(file, **settings)
  with tiny.interrupted():  # In the middle of the search.
    methods.named(config.method).draw(task, config, Workdir(tmp_path / 'run', config))
  ticket, _ = drawn(file, tmp_path / 'run', **settings)
  assert ticket.fingerprint == finished[0].fingerprint and ticket.survivors == finished[0].survivors


@pytest.mark.slow
@pytest.mark.parametrize('changes', [{'factor': 'gamma'}, pytest.param({'penalised': 'least', 'factor_rate': 5.0}, marks=pytest.mark.long)])
def test_a_search_of_another_kind_is_continued_too(file, tmp_path, changes):
  settings = {'epochs': 3, 'search_end': 0.6, 'search_interval': 0.15, **changes}
  whole, _ = drawn(file, tmp_path / 'whole', **settings)
  task, config = prepared(file, **settings)
  with tiny.interrupted():
    methods.named(config.method).draw(task, config, Workdir(tmp_path / 'parts', config))
  parts, _ = drawn(file, tmp_path / 'parts', **settings)
  assert whole.fingerprint == parts.fingerprint


def test_milliseconds_are_a_target_too(file, tmp_path):
  task = tiny.task()
  graph = starts.start(f'keras:{file}', '', 'signed', task.head, task.image_size).graph
  times = {layer: count / 1e4 * (50 if layer == 'expand0' else 1) for layer, count in prices.layer_macs(analyse(graph)).items()}
  macs = prices.layer_macs(analyse(graph))
  operations = [{'layers': [layer], 'macs': [macs[layer]], 'milliseconds': [time]} for layer, time in times.items()]
  facts = {'supernet': graph.to_json(), 'head': 'classification', 'settings': {'runtime': 'made up'}, 'base': 0.0, 'whole': 1.0}
  (tmp_path / 'table.json').write_text(json.dumps(facts | {'operations': operations}))
  limit = 0.6 * sum(times.values())
  by_table = {'cost': f'latency:{tmp_path / "table.json"}', 'target_macs': 0.0, 'target_latency_ms': limit}
  ticket, _ = drawn(file, tmp_path / 'run', sparsity=(0.0,), **by_table)
  assert 0.4 * limit < ticket.provenance.latency['milliseconds'] <= limit
  assert len(ticket.survivors['expand0']) < len(ticket.survivors['expand1'])


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    (
      {'search_residual': True},
      r'--search_residual goes with units that go by scores\. Received: a search by factors\. Leave it out',
    ),
    (
      {'unit_search': 'scores', 'factor': 'gamma'},
      r'--factor goes with a search by factors\. Received: --factor=gamma, and units that go by scores',
    ),
    (
      {'unit_search': 'scores', 'penalised': 'least'},
      r'--penalised goes with a search by factors\. Received: --penalised=least, and units that go by scores',
    ),
    (
      {'unit_search': 'scores', 'factor_rate': 2.0},
      r'--factor_rate goes with a search by factors\. Received: --factor_rate=2\.0, and units that go by scores',
    ),
    ({'target_macs': 0.01}, r'--target_macs is at least what is left with one unit of each group .* MACs here .*Received: 0\.01'),
  ],
)
def test_what_does_not_go_together_is_refused(file, tmp_path, changes, message):
  with pytest.raises(ConfigError, match=message):
    started(file, tmp_path / 'run', **changes)


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    ({'factor': 'scale'}, r'The factors of a preset are scales of its batch norms\. Received: --factor=scale\. Leave it out'),
    ({'penalised': 'least'}, r'--penalised=least goes with a network by name or by file\. Received: a preset\. Leave it out'),
    ({'search_residual': True}, r'--search_residual goes with a network by name or by file\. Received: a preset\. Leave it out'),
  ],
)
def test_a_preset_keeps_its_factors(changes, message):
  config = tiny.config(target_macs=0.6, **changes)
  with pytest.raises(ConfigError, match=message):
    factoring.check_factors(tiny.ARCH, config, Plan.of(config, tiny.STEPS_PER_EPOCH))


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    ({'factor': 'gamma'}, r'with one behind them\. Received: --factor=gamma, and a network without any\. Leave it out\.$'),
    ({}, r'a place for them\. Received: a network without any\. Write --unit_search=scores, or --target_macs=0 --penalty=0 for none'),
  ],
)
def test_a_network_without_places_is_refused(changes, message, tmp_path, monkeypatch):
  import tf_keras as keras

  image = keras.Input((tiny.SIDE, tiny.SIDE, 3))
  maps = keras.layers.Conv2D(4, 1, activation='relu')(image)
  model = keras.Model(image, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 1, name='last')(maps))))
  model.save(tmp_path / 'model.keras')
  if not changes:
    monkeypatch.setattr(factoring, 'removable', lambda trainer: ())  # As of groups that are scored and have no place.
  with pytest.raises(ConfigError, match=message):
    started(tmp_path / 'model.keras', tmp_path / 'run', **changes)


def test_a_dry_run_says_what_is_searched(file, monkeypatch):
  monkeypatch.setattr('st_tf.api.dry_run._seconds', lambda trainer, plan: (1.0, 0.1))

  def plan(**changes):
    task, config = prepared(file, **changes)
    return '\n'.join(dry_run.describe(task, config, pathlib.Path('somewhere')))

  text = plan(penalised='least')
  assert 'search      32 units in 2 groups; ' in text and 'factors are scales behind the activations' in text
  assert ' units are pushed, the least important ones' in text and '8 units read by head/classifier, whose weights begin at random' in text
  assert 'factors are the scales of batch norms before the activations' in plan(factor='gamma')

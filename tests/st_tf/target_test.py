import math
import types

import numpy as np
import pytest

from st_tf import cost, target
from st_tf.config import ConfigError
from st_tf.latency import LatencyError
from st_tf.models import build
from st_tf.plan import Plan
from st_tf.search import importance
from st_tf.specs import BlockSpec, layout
from st_tf.workdir import WorkdirError
from tests import tiny
from tests.tiny import write_table


@pytest.fixture(scope='module')
def trainer():
  """Untrained."""
  return tiny.trainer(target_macs=0.5)


def wanting(trainer, macs: float):
  """`trainer` with another target."""
  parts = {name: getattr(trainer, name) for name in ('initial', 'groups', 'model')}
  return types.SimpleNamespace(config=tiny.config(target_macs=macs), price=trainer.price, **parts)


def least(trainer) -> int:
  """MACs of the network whose every search block is its skip."""
  empty = {block.name: BlockSpec(()) for block in layout(trainer.arch, trainer.task.head)}
  return cost.of(build(trainer.arch.with_searched(empty), trainer.task.head, (tiny.SIDE, tiny.SIDE, 3))).macs


def test_up_to_one_the_target_is_a_fraction_of_the_supernet(trainer):
  macs = trainer.initial['macs']
  assert target.target(wanting(trainer, 0.25)) == 0.25 * macs
  assert target.target(wanting(trainer, 1.0)) == macs
  assert target.target(wanting(trainer, 50000)) == 50000


def test_the_target_is_met_by_at_most_as_many_macs(trainer):
  macs = trainer.initial['macs']
  assert target.target_met(wanting(trainer, macs))
  assert not target.target_met(wanting(trainer, macs - 1))


def test_an_impossible_target_is_refused_with_the_least_that_is_possible(trainer):
  lowest = least(trainer)
  target.check_target(wanting(trainer, lowest))
  target.check_target(wanting(trainer, 0))
  for macs in (lowest - 1, 0.999 * lowest / trainer.initial['macs']):
    with pytest.raises(
      ConfigError, match=rf'--target_macs is at least what is left without any search unit, {math.ceil(lowest):,} MACs here'
    ):
      target.check_target(wanting(trainer, macs))


def planned() -> Plan:
  """A ramp of 6 steps in a search of 12."""
  plan = Plan.of(tiny.config(target_macs=0.5, penalty_ramp=0.25, search_interval=0.5, search_end=0.5), tiny.STEPS_PER_EPOCH)
  assert (plan.ramp_steps, plan.search_end) == (6, 12)
  return plan


def everything(trainer) -> dict[str, np.ndarray]:
  """All units are alive."""
  return {group.name: np.ones(group.units, bool) for group in trainer.groups}


def test_units_go_until_the_cost_is_on_its_path(trainer):
  living = everything(trainer)
  initial = trainer.initial['macs']
  for step, share in ((0, 1.0), (6, 1.0), (9, 1 - 0.5 / 2 / 0.9), (12, 0.5)):
    trainer.step = step
    left = importance.MACS.total(initial, trainer.groups, target.remaining(trainer, planned(), living))
    assert (share - 0.03) * initial < left <= share * initial


def test_the_smallest_factors_for_their_penalty_go_and_no_more_than_needed():
  trainer, generator = tiny.trainer(target_macs=0.5), np.random.default_rng(0)
  for group in trainer.groups:
    trainer.variables[group.factor].assign(generator.uniform(-1, 1, group.units))
  living, name = everything(trainer), trainer.groups[0].name
  living[name][0] = False
  trainer.step = 12
  left = target.remaining(trainer, planned(), living)
  assert not left[name][0]
  values, penalty = trainer.factors(), trainer.penalties()
  worth = {name: np.abs(value) / penalty[name] for name, value in values.items()}
  gone = max(worth[name][living[name] & ~left[name]].max(initial=0) for name in living)
  assert gone < min(worth[name][left[name]].min(initial=np.inf) for name in living)
  macs = cost.of(trainer.model).macs
  # With the last that went still there it would cost too much.
  back = {name: left[name] | living[name] & (worth[name] >= gone) for name in living}
  assert importance.MACS.total(macs, trainer.groups, back) > 0.5 * macs


def test_a_table_that_is_not_in_proportion_is_followed_until_the_target_is_met(tmp_path):
  found = tiny.trainer()
  names = [group.name for group in found.groups]
  # Half of the units take nearly as long as all.
  path = write_table(tmp_path / 'curved.json', found.supernet, names, [(4, 0.9), (8, 1.0), (1000, 1.1)], base=0.0)
  trainer = tiny.trainer(cost=f'latency:{path}', target_latency_ms=0.5 * len(names))
  trainer.step = 12
  left = target.remaining(trainer, planned(), everything(trainer))
  assert 0 < trainer.cost_model.total(0, trainer.groups, left) <= 0.5 * len(names)
  values, penalty = trainer.factors(), trainer.penalties()
  last = max((name for name in left if not left[name].all()), key=lambda name: (np.abs(values[name]) / penalty[name])[~left[name]].max())
  left[last][np.flatnonzero(~left[last])[-1]] = True
  assert trainer.cost_model.total(0, trainer.groups, left) > 0.5 * len(names), 'no more than needed'


@pytest.mark.slow
def test_a_search_of_some_length_meets_its_target(tmp_path):
  ticket, workdir = tiny.draw(tmp_path, target_macs=0.6, epochs=10, search_interval=0.2, minimum_saving=0.2, sparsity=(0.5,))
  shrinks = [row for row in workdir.history() if row['event'] == 'shrink']
  assert ticket.provenance['target_met'] is True
  assert shrinks[-1]['macs_after'] == ticket.cost['macs'] <= 0.6 * ticket.cost['supernet_macs']
  assert ticket.cost['macs'] > 0.4 * ticket.cost['supernet_macs'], 'not far more than asked for'


@pytest.fixture
def table(trainer, tmp_path):
  """Every group takes a hundredth of a millisecond per unit; the rest a tenth."""
  names = [group.name for group in trainer.groups]
  return write_table(tmp_path / 'table.json', trainer.supernet, names, [(1, 0.01), (1000, 10.0)], base=0.1)


@pytest.mark.slow
def test_a_search_meets_a_target_in_milliseconds(trainer, table, tmp_path):
  whole = 0.1 + 0.01 * sum(group.units for group in trainer.groups)
  settings = {
    'target_macs': 0.6,
    'cost': f'latency:{table}',
    'epochs': 14,
    'search_interval': 0.2,
    'minimum_saving': 0.05,
    'sparsity': (0.5,),
  }
  ticket, workdir = tiny.draw(tmp_path / 'run', target_latency_ms=0.6 * whole, **settings)
  rows = [row for row in workdir.history() if row['event'] == 'epoch']
  assert rows[0]['latency_ms'] == pytest.approx(whole)
  assert 0.4 * whole < rows[-1]['latency_ms'] <= 0.6 * whole
  assert ticket.provenance['target_met'] is True
  left = sum(len(units) for units in ticket.survivors.values())
  assert ticket.provenance['latency'] == {'milliseconds': pytest.approx(0.1 + 0.01 * left), 'table': {'runtime': 'made up'}}


@pytest.mark.slow
def test_a_search_does_not_continue_with_another_table_in_the_place_of_its_own(trainer, table, tmp_path):
  settings = {'cost': f'latency:{table}', 'target_latency_ms': 0.5, 'epochs': 2, 'sparsity': (0.5,)}
  tiny.draw(tmp_path / 'run', **settings)
  names = [group.name for group in trainer.groups]
  write_table(table, trainer.supernet, names, [(1, 0.02), (1000, 20.0)], base=0.1)
  with pytest.raises(
    WorkdirError,
    match=r'the ticket it began with\. .* another one of --cost=latency:.*table\.json',
  ):
    tiny.draw(tmp_path / 'run', **settings)


def test_what_is_not_searched_needs_no_table():
  assert tiny.trainer(tiny.SPECK, searching=False, cost='latency:nowhere.json').cost_model.symbol == 'MACs'


def test_an_impossible_latency_is_refused_with_the_least_that_is_possible(table):
  with pytest.raises(
    ConfigError, match=r'--target_latency_ms is at least what is left without any search unit, 0\.10 ms here .* Received: 0\.05'
  ):
    target.check_target(tiny.trainer(target_latency_ms=0.05, cost=f'latency:{table}'))


def test_a_table_of_another_supernet_is_refused(table):
  with pytest.raises(LatencyError, match='A latency table belongs to the supernet it was measured with'):
    tiny.trainer(tiny.SPECK, cost=f'latency:{table}')

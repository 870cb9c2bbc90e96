import math
import types

import numpy as np
import pytest

from st_tf.arch.latency import LatencyError
from st_tf.arch.specs import BlockSpec, layout
from st_tf.config import ConfigError
from st_tf.models import build, cost
from st_tf.runs import target
from st_tf.runs.folder import WorkdirError
from st_tf.search.steering import surviving
from st_tf.training.plan import Plan
from tests import tiny
from tests.tiny import write_table


@pytest.fixture(scope='module')
def trainer():
  """Untrained."""
  return tiny.trainer(target_macs=0.5)


def wanting(trainer, macs: float):
  """`trainer` with another target."""
  parts = {name: getattr(trainer, name) for name in ('initial', 'groups', 'model', 'supernet')}
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


def test_an_impossible_target_is_refused_with_the_least_that_is_possible(trainer):
  lowest = least(trainer)
  target.check_target(wanting(trainer, lowest))
  target.check_target(wanting(trainer, 0))
  for macs in (lowest - 1, 0.999 * lowest / trainer.initial['macs']):
    with pytest.raises(
      ConfigError, match=rf'--target_macs is at least what is left without any search unit, {math.ceil(lowest):,} MACs here'
    ):
      target.check_target(wanting(trainer, macs))


def test_the_penalty_is_corrected_between_the_ramp_and_the_end_of_the_search(trainer):
  plan = Plan.of(tiny.config(target_macs=0.5, penalty_ramp=0.25, search_interval=0.5, search_end=0.5), tiny.STEPS_PER_EPOCH)
  assert (plan.ramp_steps, plan.search_every, plan.search_end) == (6, 12, 12)
  corrected = []
  for step in range(14):
    before = trainer.steering
    trainer.step = step
    target.correct_penalty(trainer, plan)
    corrected += [step] if trainer.steering is not before else []
  assert corrected == [6, 8, 10]
  assert trainer.steering.strength > 0
  assert trainer.steering.goal == pytest.approx(0.5 * trainer.initial['macs'])


def test_steering_prices_what_is_alive_by_the_table_and_not_in_proportion(tmp_path):
  found = tiny.trainer()
  names = [group.name for group in found.groups]
  # Half of the units take nearly as long as all.
  path = write_table(tmp_path / 'curved.json', found.supernet, names, [(4, 0.9), (8, 1.0), (1000, 1.1)], base=0.0)
  trainer = tiny.trainer(cost=f'latency:{path}', target_latency_ms=0.5)
  group = trainer.groups[0]
  factors = trainer.variables[group.factor].numpy()
  factors[: len(factors) // 2] = 0
  trainer.variables[group.factor].assign(factors)
  whole = sum(trainer.cost_model.group(each, each.units) for each in trainer.groups)
  left = whole - trainer.cost_model.group(group, group.units) + trainer.cost_model.group(group, group.units - group.units // 2)
  totals = []
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(
      'st_tf.search.steering.steer',
      lambda state, factors, penalty, prices, total, *rest: totals.append(surviving(factors, prices, total, rest[-1])) or state,
    )
    trainer.step = 6
    target.correct_penalty(trainer, Plan.of(trainer.config, tiny.STEPS_PER_EPOCH))
  assert totals == [pytest.approx(left)] and left > whole * (1 - 0.3 / len(names))


@pytest.mark.slow
@pytest.mark.long
def test_a_search_of_some_length_meets_its_target(tmp_path):
  ticket, workdir = tiny.draw(tmp_path, target_macs=0.6, epochs=10, search_interval=0.2, minimum_saving=0.2, sparsity=(0.5,))
  shrinks = [row for row in workdir.history.rows() if row['event'] == 'shrink']
  assert shrinks[-1]['macs_after'] == ticket.cost.macs <= 0.6 * ticket.cost.supernet_macs
  assert ticket.cost.macs > 0.4 * ticket.cost.supernet_macs, 'not far more than asked for'


@pytest.mark.slow
def test_a_search_that_was_too_short_says_so_and_meets_its_target_all_the_same(tmp_path, capsys):
  # Subgradients leave no factor at zero for long.
  ticket, _ = tiny.draw(tmp_path, target_macs=0.4, epochs=1, factor_step='subgradient', sparsity=(0.0,))
  assert 'the search ended above --target_macs=0.4. To meet it' in capsys.readouterr().err
  assert ticket.provenance.trimmed > 0
  assert 0.3 * ticket.cost.supernet_macs < ticket.cost.macs <= 0.4 * ticket.cost.supernet_macs


def test_only_as_many_units_as_it_takes_are_trimmed_the_smallest_factors_first():
  trainer = tiny.trainer(target_macs=0.7)
  random = np.random.default_rng(0)
  for group in trainer.groups:
    trainer.variables[group.factor].assign(random.uniform(0.1, 1.0, group.units).astype(np.float32))
  factors, penalties = trainer.factors(), trainer.penalties()
  alive = {name: np.ones(value.shape, bool) for name, value in factors.items()}
  left = target.trimmed(trainer, alive)
  macs = target.limited(trainer).total(trainer.initial['macs'], trainer.groups, left)
  goal = target.target(trainer)
  assert 0.95 * goal < macs <= goal
  distances = {name: value / penalties[name] for name, value in factors.items()}
  kept = min(distances[name][units].min() for name, units in left.items() if units.any())
  gone = max(distances[name][~units].max() for name, units in left.items() if not units.all())
  assert gone < kept
  # One unit more is too many, and what was dead stays dead.
  least = {name: units | (distances[name] == gone) for name, units in left.items()}
  assert target.limited(trainer).total(trainer.initial['macs'], trainer.groups, least) > goal
  first = trainer.groups[0].name
  alive[first] = np.zeros_like(alive[first])
  assert not target.trimmed(trainer, alive)[first].any()


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
  rows = [row for row in workdir.history.rows() if row['event'] == 'epoch']
  assert rows[0]['latency_ms'] == pytest.approx(whole)
  assert 0.4 * whole < rows[-1]['latency_ms'] <= 0.6 * whole
  left = sum(len(units) for units in ticket.survivors.values())
  assert ticket.provenance.latency == {'milliseconds': pytest.approx(0.1 + 0.01 * left), 'table': {'runtime': 'made up'}}


@pytest.mark.slow
def test_a_search_does_not_continue_with_another_table_in_the_place_of_its_own(trainer, table, tmp_path):
  settings = {'cost': f'latency:{table}', 'target_latency_ms': 0.5, 'epochs': 2, 'sparsity': (0.5,)}
  tiny.draw(tmp_path / 'run', **settings)
  names = [group.name for group in trainer.groups]
  write_table(table, trainer.supernet, names, [(1, 0.02), (1000, 20.0)], base=0.1)
  with pytest.raises(
    WorkdirError,
    match=r'belongs to one configuration\. Received: --cost=latency:.*table\.json \(other contents than it had\)',
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

"""The space and its bound by hand; keras-tuner's loop with trials that train nothing."""

import functools
import shutil

import pytest

from st_tf.arch.specs import ArchSpec, BlockSpec, HeadSpec, StageSpec, layout
from st_tf.config import ConfigError
from st_tf.errors import Interrupted
from st_tf.methods import _oracles as oracles
from st_tf.methods import _tuning as tuning
from st_tf.models import build, cost
from st_tf.models.transformer import SIDE
from st_tf.search.importance import Group
from st_tf.ticket.facts import TrainingCost
from tests import tiny

WIDE = Group('a/k3', 'a', units=8, macs=800, is_tokens=False)
NARROW = Group('b/k5', 'b', units=4, macs=400, is_tokens=False)
BOTH = (WIDE, NARROW)
PAIR = 4 * SIDE * SIDE
TOKENS = Group('a/transformer', 'a', units=4, macs=40 + 16 * PAIR, is_tokens=True)
HEAD = HeadSpec('classification', 3)
BUILT = functools.cache(build)  # Networks that are counted only.


def bounded(wide: int, narrow: int, bound: float) -> tuple[int, int] | None:
  found = tuning.within({'a/k3': wide, 'b/k5': narrow}, lambda left: tuning.macs(left, BOTH, 100), bound)
  return found and (found['a/k3'], found['b/k5'])


def score(values: dict) -> float:
  """Many units of one group, few of the other."""
  return values['a/k3'] - values['b/k5'] + 2


class Loop:
  """A search whose trials take no time; `interrupt` is raised in the trial of that index, `fail` are those that fail."""

  def __init__(self, folder, interrupt=None, at=None, fail=(), **settings):
    config = tiny.config(method='tuner', **settings)
    space = tuning.Space(tiny.ARCH, HEAD, (8, 8, 3), BOTH, 0, 1300, 1300.0)
    self.seen = []

    def run(trial):
      number = int(trial.trial_id)
      self.seen.append((number, dict(trial.hyperparameters.values)))
      if number == at:
        raise interrupt
      if number in fail:
        raise tuning.Failed('diverged', TrainingCost(1.5, 2**53 - 1, 0.25))
      return {tuning.OBJECTIVE: score(trial.hyperparameters.values)}

    self.tuner = tuning.Tuner(run, oracles.chosen(config, space.hyperparameters()), folder / 'tuner')

  def search(self) -> 'Loop':
    self.tuner.search(verbose=0)
    return self

  @property
  def trials(self) -> list[tuple[str, float | None, dict]]:
    return [(trial.status, trial.score, trial.hyperparameters.values) for trial in self.tuner.oracle.trials.values()]


def test_a_fraction_of_units_is_rounded_up_so_that_only_nothing_is_nothing():
  three = Group('c/k3', 'c', units=3, macs=30, is_tokens=False)
  kept = [tuning.units({'c/k3': fraction}, (three,))['c/k3'] for fraction in tuning.FRACTIONS]
  assert kept == [0, 1, 2, 3, 3]


def test_macs_are_those_of_the_units_and_of_what_no_unit_carries():
  assert tuning.macs({'a/k3': 8, 'b/k5': 4}, BOTH, 100) == 1300
  assert tuning.macs({'a/k3': 3, 'b/k5': 0}, BOTH, 100) == 400


def test_what_meets_the_bound_stays_as_it_is():
  assert bounded(8, 4, 1300) == (8, 4)
  assert bounded(8, 4, float('inf')) == (8, 4)
  assert bounded(3, 0, 400) == (3, 0)


def test_what_is_above_the_bound_is_multiplied_by_the_largest_factor_that_meets_it():
  assert bounded(8, 4, 1299) == (7, 3)  # 7/8: of 4 units 3.5, rounded down.
  assert bounded(8, 4, 700) == (4, 2)  # 1/2
  assert bounded(8, 4, 699) == (3, 1)  # 3/8: five units would need a factor that is no common one.
  assert bounded(8, 0, 450) == (3, 0)
  assert bounded(2, 4, 400) == (1, 2)


def test_a_group_may_have_to_keep_a_unit():
  def left(bound):
    return tuning.within({'a/k3': 8, 'b/k5': 1}, lambda left: tuning.macs(left, BOTH, 100), bound, least=1)

  assert left(500) == {'a/k3': 3, 'b/k5': 1}  # 3/8 of one unit is none.
  assert left(300) == {'a/k3': 1, 'b/k5': 1} and left(299) is None


def test_when_hardly_any_mac_is_left_no_unit_is_and_below_that_there_is_no_network():
  assert bounded(8, 4, 100) == (0, 0)
  assert bounded(8, 4, 99) is None


def test_tokens_cost_their_square():
  def left(bound):
    return tuning.within({'a/transformer': 4}, lambda left: tuning.macs(left, (TOKENS,), 0), bound)['a/transformer']

  assert tuning.macs({'a/transformer': 2}, (TOKENS,), 0) == 20 + 4 * PAIR
  assert (left(20 + 4 * PAIR), left(19 + 4 * PAIR)) == (2, 1)


def test_the_macs_of_a_space_are_those_of_the_networks_built():
  arch = ArchSpec((StageSpec((1,), (4,)),), (4, 4), False, 1, (4,), 8, (3, 5), expansion=2, tokens=4)
  model = BUILT(arch, HEAD, (8, 8, 3))
  groups = tuning.importance.groups_of(model, arch, HEAD)
  whole = cost.of(model).macs
  fixed = whole - sum(group.macs for group in groups)
  for fractions in ((0.5,), (0.25, 0.0, 0.5), (0.0,), (1.0,)):
    left = tuning.units({group.name: fractions[i % len(fractions)] for i, group in enumerate(groups)}, groups)
    found = tuning.arch_of(left, arch, HEAD, groups)
    assert cost.of(BUILT(found, HEAD, (8, 8, 3))).macs == tuning.macs(left, groups, fixed)
  assert tuning.arch_of(tuning.units(dict.fromkeys(left, 1.0), groups), arch, HEAD, groups) == arch


@pytest.mark.parametrize(('wanted', 'bound'), [(0.5, 32920), (1.0, 65840), (40000, 40000), (0, float('inf'))])
def test_the_bound_is_that_of_the_supernets_search(monkeypatch, wanted, bound):
  monkeypatch.setattr(tuning, 'build', BUILT)
  space = tuning.Space.of(tiny.task(), tiny.config(method='tuner', target_macs=wanted))
  assert (space.macs, space.bound) == (65840, bound)
  assert [choice.values for choice in space.hyperparameters().space] == [list(tuning.FRACTIONS)] * len(space.groups)


def test_an_architecture_knows_its_supernet_and_which_units_it_has(monkeypatch):
  monkeypatch.setattr(tuning, 'build', BUILT)
  space = tuning.Space.of(tiny.task(), tiny.config(method='tuner'))
  left = {group.name: 0 if number == 0 else 2 for number, group in enumerate(space.groups)}
  ticket = space.untrained(left)
  assert ticket.supernet == tiny.ARCH and ticket.cost.supernet_macs == space.macs
  assert ticket.survivors == {name: list(range(kept)) for name, kept in left.items()}
  first, *others = layout(ticket.arch, HEAD)
  assert first.spec == BlockSpec((), shift=True) and all(block.spec.kernels == ((3, 2),) for block in others)
  assert ticket.fingerprint == space.untrained(left).fingerprint != space.untrained(left | {space.groups[0].name: 1}).fingerprint


def test_a_network_without_units_has_nothing_to_search(monkeypatch):
  empty = tiny.ARCH.with_searched({block.name: BlockSpec(()) for block in layout(tiny.ARCH, HEAD)})
  monkeypatch.setattr(tuning, 'supernet', lambda name: empty)
  with pytest.raises(ConfigError, match='A search needs units. Received: a network without any'):
    tuning.Space.of(tiny.task(), tiny.config(method='tuner'))


def test_the_variables_of_keras_tuner_say_what_a_process_is():
  name, ip, port = tuning.VARIABLES
  assert tuning.role({}) == 'alone'
  assert tuning.role({name: 'chief', ip: '127.0.0.1', port: '8000'}) == 'chief'
  assert tuning.role({name: 'worker1', ip: '127.0.0.1', port: '8000'}) == 'worker'
  with pytest.raises(ConfigError, match=f'Received: {name}, {ip}. Set all, or none.'):
    tuning.role({name: 'worker1', ip: '127.0.0.1'})
  assert tuning.role({name: 'host-1.local_2', ip: '127.0.0.1', port: '8000'}) == 'worker'
  for odd in ('a/../..', '..', '.', '/tmp/x', 'a b', 'a\n', 'é', '.lock', 'x' * 101, 'chief/a'):
    with pytest.raises(ConfigError, match='^Processes that share a search have names of up to 100 letters, .* Received: KERASTUNER_TUNER'):
      tuning.role({name: odd, ip: '127.0.0.1', port: '8000'})


def test_settings_that_a_search_does_not_know_are_refused(tmp_path):
  latency = tiny.config(cost='latency:table.json', target_latency_ms=3.0)
  with pytest.raises(ConfigError, match='--method=tuner bounds MACs. Received: --target_latency_ms=3. Use --target_macs'):
    tuning.check(latency)
  with pytest.raises(ConfigError, match='from scratch. Received: --init_from=ticket. Leave it out.'):
    tuning.check(tiny.config(init_from='ticket'))


@pytest.mark.parametrize('name', ['random', 'hyperband', 'bayesian'])
def test_an_interrupted_search_goes_on_as_if_nothing_had_been(tmp_path, name):
  settings = {'tuner': name, 'trials': 6, 'trial_epochs': 3}
  whole = Loop(tmp_path / 'whole', **settings).search()
  assert len(whole.trials) == 6 and {status for status, _, _ in whole.trials} == {'COMPLETED'}
  with pytest.raises(tuning.Stopped) as stop:
    Loop(tmp_path / 'cut', Interrupted('SIGTERM'), at=0, **settings).search()
  assert isinstance(stop.value.__cause__, Interrupted)
  with pytest.raises(KeyboardInterrupt):
    Loop(tmp_path / 'cut', KeyboardInterrupt, at=4, **settings).search()
  rest = Loop(tmp_path / 'cut', **settings).search()
  assert [number for number, _ in rest.seen] == [4, 5]
  assert rest.trials == whole.trials


def test_a_trial_that_the_oracle_has_not_yet_written_down_is_given_out_again(tmp_path):
  whole = Loop(tmp_path / 'whole', tuner='random', trials=3).search()
  with pytest.raises(KeyboardInterrupt):
    Loop(tmp_path / 'cut', KeyboardInterrupt, at=1, tuner='random', trials=3).search()
  folder = tmp_path / 'cut' / 'tuner'
  shutil.copytree(folder / 'trial_1', folder / 'trial_2')
  (folder / 'trial_2' / 'trial.json').write_text(
    (folder / 'trial_1' / 'trial.json').read_text().replace('"trial_id": "1"', '"trial_id": "2"')
  )
  rest = Loop(tmp_path / 'cut', tuner='random', trials=3).search()
  assert [number for number, _ in rest.seen] == [1, 2]
  assert rest.trials == whole.trials


def test_a_finished_search_tries_nothing_more(tmp_path):
  Loop(tmp_path, tuner='random', trials=2).search()
  again = Loop(tmp_path, tuner='random', trials=2).search()
  assert not again.seen and len(again.trials) == 2


def test_failed_trials_are_values_however_many_and_keep_what_they_cost(tmp_path):
  loop = Loop(tmp_path, fail=(0, 1, 2, 3, 4), tuner='random', trials=6).search()
  assert [status for status, _, _ in loop.trials] == ['FAILED'] * 5 + ['COMPLETED']
  metrics = loop.tuner.oracle.trials['0'].metrics
  assert [metrics.get_last_value(name) for name in ('epochs', 'macs', 'seconds')] == [1.5, 2**53 - 1, 0.25]


@pytest.mark.parametrize('name', ['random', 'hyperband', 'bayesian'])
def test_seeds_are_other_trials_and_zero_is_one_of_them(tmp_path, name):
  first, same, other = (Loop(tmp_path / str(i), tuner=name, trials=2, seed=seed).search() for i, seed in enumerate((0, 0, 1)))
  assert first.trials == same.trials != other.trials


def test_hyperband_trains_the_better_ones_for_longer(tmp_path):
  loop = Loop(tmp_path, tuner='hyperband', trials=5, trial_epochs=3).search()
  epochs = [values['tuner/epochs'] for _, values in loop.seen]
  assert epochs == [1, 1, 1, 3, 3]
  scores = [score(values) for _, values in loop.seen]
  assert scores[3] == max(scores[:3])


def test_after_a_few_random_trials_the_bayesian_oracle_follows_the_scores(tmp_path):
  loop = Loop(tmp_path, tuner='bayesian', trials=12).search()
  found = [score(values) for _, values in loop.seen]
  assert max(found) == 3.0 and max(found[:4]) < 3.0


def test_a_damaged_state_is_an_error_that_can_be_caught(tmp_path):
  Loop(tmp_path, tuner='random', trials=1).search()
  (tmp_path / 'tuner' / 'oracle.json').write_text('{"ongoing')
  with pytest.raises((ValueError, KeyError, TypeError, RuntimeError)):
    Loop(tmp_path, tuner='random', trials=1)


def test_keras_tuner_prints_nothing(tmp_path, capsys):
  Loop(tmp_path, tuner='random', trials=2).search()
  Loop(tmp_path, tuner='random', trials=2).search()
  assert capsys.readouterr() == ('', '')

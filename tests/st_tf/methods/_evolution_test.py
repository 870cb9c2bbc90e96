"""What the oracle of an evolution answers, what candidates leave on disk, and that the dead are found."""

import dataclasses
import json
import math
import pathlib
import random
import subprocess
import sys
import threading
import time
import types

import keras_tuner as kt
import pytest

from st_tf.arch.genome import Site, price
from st_tf.arch.spaces import SPACES
from st_tf.arch.specs import HeadSpec
from st_tf.config import ConfigError
from st_tf.methods import _evolution as evolving
from st_tf.methods._evolution import Evolution, EvolutionOracle, Outcome, Outcomes
from st_tf.methods._tuning import OBJECTIVE
from st_tf.runs.folder import WorkdirError
from st_tf.search.breeding import Bound, slimmed, smallest
from st_tf.search.evolution import Candidate, Rules, best, kept
from st_tf.ticket.facts import TrainingCost

ROOT = pathlib.Path(__file__).resolve().parents[3]
SPACE = SPACES['mobilenet3_mt_tiny']
SITE = Site.of(SPACE.strides, (8, 8), HeadSpec('classification', 3))
GENOME = SPACE.member(12345)
TARGET = 25_000.0
HOLDER = """
import pathlib, sys, time
from st_tf.runs.lock import Lock
held = Lock(pathlib.Path(sys.argv[1]))
print('holding', flush=True)
time.sleep(60)
"""


def evolution(trials: float = 8, population: int = 4) -> Evolution:
  rules = Rules(population, 0.2, 1.5, TARGET, trials * TARGET)
  return Evolution(SPACE, rules, Bound(lambda genome: price(genome, SITE), TARGET), lambda genome: price(genome, SITE).macs, seed=0)


def ended(one: Candidate, fitness: float | None = 0.5) -> Candidate:
  macs = price(one.genome, SITE).macs
  return dataclasses.replace(one, ticket=one.genome if fitness is not None else None, macs=macs, fitness=fitness, spent=macs // 2)


def grown(evolves: Evolution) -> list[Candidate]:
  """All candidates of a search whose trainings take half of what was reckoned."""
  tried: list[Candidate] = []
  while True:
    status, child = evolves.following(tried)
    if status == 'STOPPED':
      return tried
    tried.append(ended(child, fitness=0.1 + 0.01 * len(tried)))


def test_generations_follow_one_another_until_the_budget_is_spent():
  evolves = evolution()
  tried = grown(evolves)
  sizes = [sum(one.generation == generation for one in tried) for generation in range(tried[-1].generation + 1)]
  assert [one.number for one in tried] == list(range(len(tried)))
  assert sizes[0] == 4 and max(sizes[1:]) == 2 and min(sizes) >= 1 and len(sizes) > 4
  spent = [sum(one.spent for one in tried[:count]) for count in range(len(tried) + 1)]
  assert spent[-1] <= evolves.rules.budget
  for one in tried:
    before = sum(other.spent for other in tried if other.generation < one.generation)
    assert price(one.genome, SITE).macs <= evolves.rules.bound(before)
  assert price(tried[-1].genome, SITE).macs <= TARGET
  assert evolution(3).following(grown(evolution(3)))[0] == 'STOPPED'


def test_trainings_that_fail_at_their_first_step_count_as_was_reckoned():
  evolves, tried = evolution(), []
  while (child := evolves.following(tried)[1]) is not None:
    failed = dataclasses.replace(ended(child, None), spent=1)
    tried.append(ended(child) if child.number == 0 else failed)
    assert len(tried) < 40
  assert len(tried) > 4
  assert sum(price(one.genome, SITE).macs for one in tried[1:]) <= evolves.rules.budget


def test_where_the_whole_first_generation_fails_nothing_follows():
  evolves, tried = evolution(), []
  while (child := evolves.following(tried)[1]) is not None:
    tried.append(dataclasses.replace(ended(child, None), spent=1))
  assert [one.generation for one in tried] == [0] * 4


def test_trials_are_in_the_order_of_their_numbers(tmp_path):
  found, numbers = oracle(tmp_path), [9999, 10000, 10001]
  for number in numbers:
    values = kt.HyperParameters()
    values.values = evolving.values_of(Candidate(number, 1, GENOME))
    found.trials[f'{number:04d}'] = kt.engine.trial.Trial(values, f'{number:04d}', 'RUNNING')
  assert [one.number for one in found.tried()] == numbers


def test_a_search_whose_bound_leaves_few_networks_ends_before_its_budget_with_each_of_them_once():
  least = price(smallest(SPACE), SITE).macs
  rules = Rules(4, 0.2, 1.0, 1.03 * least, 10_000.0 * least)
  tried = grown(Evolution(SPACE, rules, Bound(lambda genome: price(genome, SITE), 1.03 * least), lambda genome: least, seed=0))
  assert len({one.genome for one in tried}) == len(tried) < 1000


@pytest.mark.parametrize('seed', [0, 2])
@pytest.mark.parametrize('share', [1.0, 0.8])
def test_with_and_without_tickets_winners_are_near_the_target_and_the_population_becomes_smaller(share, seed):
  noise, space = random.Random(seed), SPACES['mobilenet3_mt_small']
  site = Site.of(space.strides, (32, 32), HeadSpec('classification', 100))
  rules = Rules(8, 0.2, 1.5, 3e6, 40 * 3e6, share=share)
  evolves = Evolution(space, rules, Bound(lambda genome: price(genome, site), 3e6), lambda genome: price(genome, site).macs, seed)
  tried: list[Candidate] = []
  means = []
  while (child := evolves.following(tried)[1]) is not None:
    if tried and child.generation > tried[-1].generation:
      ceiling = rules.bound(sum(one.spent for one in tried))
      population = kept(tried, rules, ceiling)
      means.append(sum(one.macs for one in population) / len(population))
      assert means[-1] <= ceiling
    whole = price(child.genome, site).macs
    left = slimmed(child.genome, space, Bound(evolves.bound.price, share * whole), noise) if share < 1 else child.genome
    macs = price(left, site).macs
    fitness = 0.1 * math.log10(macs) + noise.gauss(0, 0.01)
    tried.append(dataclasses.replace(child, ticket=left, macs=macs, fitness=fitness, spent=(whole + macs) // 2))
  assert 0.7 * rules.target <= best(tried, rules.target, 1)[0].macs <= rules.target
  assert means[-1] <= rules.target < means[0]


def test_who_asks_while_a_generation_is_being_trained_waits():
  evolves, tried = evolution(), []
  for _ in range(4):
    status, child = evolves.following(tried, range(len(tried)))
    assert status == 'RUNNING'
    tried.append(child)
  assert evolves.following(tried, [0]) == ('IDLE', None)
  done = [ended(one) for one in tried]
  assert evolves.following(done)[0] == 'RUNNING'


def test_it_makes_no_difference_who_is_still_being_trained():
  evolves = evolution()
  alone = grown(evolves)
  tried: list[Candidate] = []
  while True:  # All of a generation are handed out before any of them ends.
    status, child = evolves.following(tried, [one.number for one in tried if one.fitness is None])
    if status == 'STOPPED':
      break
    if status == 'IDLE':
      tried = [one if one.fitness else ended(one, 0.1 + 0.01 * one.number) for one in tried]
    else:
      tried.append(child)
  assert tried == alone


def test_an_outcome_survives_its_file(tmp_path):
  outcomes = Outcomes(tmp_path / 'candidates')
  found = Outcome(GENOME, 123, 0.25, TrainingCost(1.5, 10, 2.0), 'menas-0-abc')
  failed = Outcome(None, 123, None, TrainingCost(), '')
  outcomes.write(0, found)
  outcomes.write(11, failed)
  assert outcomes.read(0) == found and outcomes.read(11) == failed


def test_a_damaged_or_missing_outcome_is_refused(tmp_path):
  outcomes = Outcomes(tmp_path)
  outcomes.write(0, Outcome(GENOME, 123, 0.25, TrainingCost(), 'folder'))
  path = tmp_path / '0000.json'
  path.write_text(path.read_text().replace('0.25', '0.75'))
  for number in (0, 1):
    with pytest.raises(WorkdirError, match=r'what has become of its candidates\. Received: 000\d\.json|its checksum .* Give the same'):
      outcomes.read(number)
  for training in ({'epochs': 1.0, 'surprise': 2}, [], 5, {'epochs': []}):
    facts = {'ticket': None, 'macs': 1, 'fitness': None, 'training': training, 'folder': ''}
    path.write_text(json.dumps(facts))
    with pytest.raises(WorkdirError):
      outcomes.read(0)


def test_a_candidate_survives_what_keras_tuner_keeps_of_it(tmp_path):
  values = kt.HyperParameters()
  two = Candidate(7, 3, GENOME, (1, 4), (0, 1))
  values.values = evolving.values_of(two)
  trial = types.SimpleNamespace(trial_id='0007', status='RUNNING', hyperparameters=kt.HyperParameters.from_proto(values.to_proto()))
  assert evolving.candidate_of(trial, Outcomes(tmp_path)) == two
  trial.status = 'COMPLETED'
  Outcomes(tmp_path).write(7, Outcome(GENOME, 5, 0.5, TrainingCost(1.0, 9, 1.0), 'folder'))
  assert evolving.candidate_of(trial, Outcomes(tmp_path)) == dataclasses.replace(two, ticket=GENOME, macs=5, fitness=0.5, spent=9)


def oracle(folder: pathlib.Path) -> EvolutionOracle:
  made = EvolutionOracle(evolution(), Outcomes(folder / 'candidates'), folder / 'workers')
  made._set_project_dir(str(folder), 'tuner')
  made.verbose = 0
  return made


def test_what_a_worker_that_has_died_was_training_goes_to_the_next(tmp_path, capsys):
  found = oracle(tmp_path)
  with evolving.at_work(tmp_path / 'workers', 'one'):  # It makes the folder.
    pass
  command = [sys.executable, '-c', HOLDER, str(tmp_path / 'workers' / 'one')]
  with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder:
    assert holder.stdout.readline() == 'holding\n'
    with pytest.raises(ConfigError, match='Each worker has a name of its own. Received: KERASTUNER_TUNER_ID=one, which another one has'):
      with evolving.at_work(tmp_path / 'workers', 'one'):
        pass
    first = found.create_trial('one')
    found.forget_the_dead()
    assert set(found.ongoing_trials) == {'one'}
    holder.kill()
  with evolving.watching(found):
    until = time.monotonic() + 20
    while found.ongoing_trials and time.monotonic() < until:
      time.sleep(0.1)
  assert not found.ongoing_trials and not found.tuner_ids
  assert 'worker one has died; its trial goes to another one.' in capsys.readouterr().err
  assert found.create_trial('two').trial_id == first.trial_id


def test_an_outcome_that_is_damaged_meanwhile_stops_the_search_and_nobody_waits_for_the_oracle(tmp_path):
  found = oracle(tmp_path)
  trial = found.create_trial('one')
  found.update_trial(trial.trial_id, {OBJECTIVE: 0.5})
  (tmp_path / 'candidates').mkdir()
  (tmp_path / 'candidates' / '0000.json').write_text('{"ticket')
  trial.status = 'COMPLETED'
  found.end_trial(trial)
  assert found.create_trial('one').status == 'STOPPED'
  asked = threading.Thread(target=lambda: found.create_trial('two'), daemon=True)
  asked.start()
  asked.join(10)
  assert not asked.is_alive() and not found.tuner_ids, 'a chief ends'


def test_a_worker_without_a_lock_is_left_alone(tmp_path):
  found = oracle(tmp_path)
  found.create_trial('elsewhere')
  found.forget_the_dead()
  assert set(found.ongoing_trials) == {'elsewhere'}

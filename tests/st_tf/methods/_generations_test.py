"""A search among genomes with trainings that are made up: what is proposed, what is kept, what continues."""

import dataclasses
import functools
import pathlib
import types

import pytest

from st_tf.arch.genome import price
from st_tf.arch.latency import LatencyError
from st_tf.arch.space_latency import SpaceTable
from st_tf.config import ConfigError
from st_tf.methods import _candidate as candidate
from st_tf.methods import _generations as generations
from st_tf.methods import menas
from st_tf.methods._evolution import Outcomes
from st_tf.methods._generations import Search
from st_tf.methods._pipeline import Pipeline
from st_tf.methods._tuning import VARIABLES, Failed
from st_tf.models import build, mobile
from st_tf.runs.folder import WorkdirError
from st_tf.runs.workdir import Workdir
from st_tf.search.breeding import largest
from st_tf.ticket import Costs, Provenance
from st_tf.ticket.facts import TrainingCost
from tests import space_tables, tiny

SETTINGS = {'method': 'menas', 'space': 'mobilenet3_mt_tiny', 'population': 4, 'trials': 9, 'trial_epochs': 2, 'target_macs': 25_000.0}
GRAPHS = functools.cache(mobile.graph)
BUILT = functools.cache(build)


@pytest.fixture
def made_up(monkeypatch):
  """Makes trainings up: the score of a genome follows from it, unless the list has an error for it; returns what was trained."""
  outcomes, trained = [], []

  def stage(self, config, draw, source=None):
    trained.append((config, source))
    outcome = outcomes.pop(0) if outcomes else None
    if isinstance(outcome, BaseException):
      raise outcome
    nursery = draw.func.__self__
    ticket, cost = candidate.untrained(source.genome, nursery.site), price(source.genome, nursery.site)
    spent = TrainingCost(2.0, 3 * 96 * 2 * cost.macs, 1.0)
    left = round(candidate.share_kept(config.evolution) * cost.macs)
    facts = {'cost': Costs(params=cost.params, macs=left), 'provenance': Provenance(training=spent)}
    return dataclasses.replace(ticket, metrics={'validation': {'top1': hash_of(source.genome)}}, **facts)

  monkeypatch.setattr(Pipeline, 'stage', stage)
  monkeypatch.setattr(Search, '_ticket', lambda self, number: candidate.untrained(self.evolves.space.member(number), self.nursery.site))
  monkeypatch.setattr(mobile, 'graph', GRAPHS)
  monkeypatch.setattr(generations, 'build', BUILT)
  monkeypatch.setattr(generations, 'gc', types.SimpleNamespace(collect=lambda: 0))  # Nothing was trained.
  return outcomes, trained


def hash_of(genome) -> float:
  """A score that follows from the genome."""
  return sum(block.hidden for _, _, _, block in genome.blocks()) / 100


def search(folder: pathlib.Path, stages: pathlib.Path | None = None, **settings) -> Search:
  config = tiny.config(**SETTINGS | settings)
  return Search(tiny.task(), config, Workdir(folder, config, stages=stages))


def test_a_search_keeps_to_its_budget_and_says_a_line_for_each_network(tmp_path, made_up, capsys):
  found = search(tmp_path)
  tried = found.run()
  assert sum(one.spent for one in tried) <= found.evolves.rules.budget == 9 * 2 * 96 * 3 * 25_000
  assert [one.generation for one in tried][:5] == [0, 0, 0, 0, 1] and all(one.parents for one in tried[4:])
  *lines, last = capsys.readouterr().out.splitlines()
  assert len(lines) == len(tried) == len(made_up[1])
  one = tried[0]
  share = f'{one.macs:,} MACs ({one.macs / 25_000:.0%} of the target)'
  assert lines[0] == f'candidate   1  generation 0  {share}  top-1 accuracy {one.fitness:.1%}'
  best = max((each for each in tried if each.macs <= 25_000), key=lambda each: each.fitness)
  assert last.startswith(f'best        candidate {best.number + 1}: ')
  # Settings of the trials: a few epochs, half of the weights of the ticket masked.
  config, beginning = made_up[1][4]
  assert (config.epochs, config.pruning.sparsity, config.supernet) == (2, (0.5,), '')
  assert len(beginning.parents) == len(tried[4].parents) and beginning.origins == tried[4].origins


def test_a_finished_search_is_read_back_and_an_interrupted_one_goes_on(tmp_path, made_up):
  outcomes, trained = made_up
  whole = search(tmp_path / 'whole').run()
  count = len(trained)
  assert search(tmp_path / 'whole').run() == whole and len(trained) == count
  outcomes += [None, None, KeyboardInterrupt()]
  with pytest.raises(KeyboardInterrupt):
    search(tmp_path / 'cut').run()
  outcomes += [None, None, None, KeyboardInterrupt()]
  with pytest.raises(KeyboardInterrupt):
    search(tmp_path / 'cut').run()
  assert search(tmp_path / 'cut').run() == whole
  assert len(trained) == 2 * count + 2  # The two that were interrupted.


def test_a_network_that_cannot_be_trained_is_a_failed_trial(tmp_path, made_up, capsys):
  made_up[0].extend([Failed('The loss is a finite number.', TrainingCost(0.5, 10, 1.0)), None])
  found = search(tmp_path)
  first, *others = tried = found.run()
  assert (first.fitness, first.ticket, first.spent) == (None, None, 10) and all(one.fitness for one in others)
  assert 'candidate   1  generation 0  failed: The loss is a finite number.' in capsys.readouterr().out
  assert not any(0 in one.parents for one in tried)
  ticket = found.charged({1: made_up_final(found, others[0], 0.5)}, tried)
  assert ticket.provenance.trials[0]['validation'] is None


def test_when_all_trainings_fail_the_learning_rate_is_named(tmp_path, made_up):
  made_up[0].extend(Failed('diverged', TrainingCost(0.1, 1, 1.0)) for _ in range(50))
  for _ in range(2):  # Given again, it trains nothing more.
    with pytest.raises(ConfigError, match='At least one network of the first generation can be trained. Received: 4 that failed, as their'):
      search(tmp_path).run()
  assert len(made_up[1]) == 4


def test_what_is_no_failure_of_a_network_ends_the_search(tmp_path, made_up):
  made_up[0].append(ConfigError('of another kind'))
  with pytest.raises(ConfigError, match='of another kind'):
    search(tmp_path).run()


@pytest.mark.parametrize('path', ['candidates/0002.json', 'tuner/oracle.json'])
def test_a_damaged_state_is_made_anew(tmp_path, made_up, capsys, path):
  whole = search(tmp_path).run()
  (state,) = tmp_path.glob(f'stages/*/{path}')
  state.write_text('{"ticket')
  assert search(tmp_path).run() == whole
  assert 'is damaged' in capsys.readouterr().err


def test_a_candidates_file_that_is_damaged_meanwhile_is_one_message_and_the_search_goes_on_when_given_again(tmp_path, made_up, monkeypatch):
  whole, write = search(tmp_path / 'whole').run(), Outcomes.write

  def damaged(self, number, outcome):
    write(self, number, outcome)
    if number == 2:
      (self._folder / '0002.json').write_bytes(b'\xff{')

  with monkeypatch.context() as patch:
    patch.setattr(Outcomes, 'write', damaged)
    with pytest.raises(WorkdirError, match=r'^A search reads what has become of its candidates\. Received: 0002\.json: .* same command'):
      search(tmp_path / 'cut').run()
  assert search(tmp_path / 'cut').run() == whole


def test_without_evolution_all_are_drawn_by_chance_at_no_more_cost(tmp_path, made_up):
  found = search(tmp_path, evolve=False)
  tried = found.run()
  assert not any(one.parents for one in tried) and len(tried) > 4
  assert sum(one.spent for one in tried) <= found.evolves.rules.budget


def test_without_inheritance_children_have_parents_whose_weights_they_do_not_get(tmp_path, made_up):
  found = search(tmp_path, inherit=False)
  tried = found.run()
  assert all(one.parents for one in tried[4:]) and not any(beginning.parents for _, beginning in made_up[1])
  assert not found.continued(tried[0]).parents


def test_a_search_does_not_depend_on_what_comes_after_it(tmp_path, made_up):
  tried = search(tmp_path / 'one', tmp_path / 'stages').run()
  count = len(made_up[1])
  later = {'sparsity': (0.5,), 'epochs': 9, 'finalists': 2, 'reactivation': 'masked', 'penalty': 0.1}
  assert search(tmp_path / 'two', tmp_path / 'stages', **later).run() == tried and len(made_up[1]) == count


def test_what_decides_a_search_is_in_the_name_of_its_folder(tmp_path):
  def name(**settings):
    found = search(tmp_path / 'run', **settings)
    return found._workdir.stage_path(found._alone()).name

  others = ({'seed': 1}, {'target_macs': 30_000.0}, {'ticket_macs': 0.7}, {'population': 5}, {'learning_rate': 0.2}, {'prune_stem': True})
  assert len({name(), *(name(**other) for other in others)}) == 7
  assert name() == name(finalists=3) == name(tuner='random') == name(reactivation='masked')


def made_up_final(found: Search, one, score: float):
  spent = TrainingCost(1.0, 1000, 1.0)
  ticket = candidate.untrained(one.ticket, found.nursery.site)
  return dataclasses.replace(ticket, metrics={'validation': {'top1': score}}, provenance=Provenance(training=spent, steps=7))


def test_the_best_of_the_last_trainings_is_the_ticket_and_pays_for_all(tmp_path, made_up):
  found = search(tmp_path)
  tried = found.run()
  finals = {number: made_up_final(found, tried[number], score) for number, score in ((0, 0.3), (2, 0.6), (3, 0.6))}
  ticket = found.charged(finals, tried, [TrainingCost(0.0, 50, 0.0)])
  training = ticket.provenance.training
  assert training.macs == sum(one.spent for one in tried) + 3 * 1000 + 50 and training.epochs == 2 * len(tried) + 3
  rows = ticket.provenance.trials
  assert [row.get('final') for row in rows[:4]] == [0.3, None, 0.6, 0.6]
  assert [row['number'] for row in rows if row.get('is_winner')] == [3] and ticket.arch == finals[2].arch
  assert all(row['parents'] == [parent + 1 for parent in one.parents] for row, one in zip(rows, tried))


@pytest.fixture
def table(tmp_path):
  """Settings that name a table of the space."""
  path = space_tables.write(tmp_path / 'table.json', SETTINGS['space'], tiny.SIDE, len(tiny.LABELS))
  return {'cost': f'latency:{path}'}


def test_milliseconds_bound_every_network_and_are_told_of_the_ticket(tmp_path, made_up, table):
  free = search(tmp_path / 'free')
  known, all_of_free = SpaceTable.load(tmp_path / 'table.json'), free.run()
  slow = [one.genome for one in all_of_free]
  limit = sorted(map(known.milliseconds, slow))[len(slow) // 2]
  found = search(tmp_path / 'bounded', **table, target_latency_ms=limit)
  tried = found.run()
  assert max(known.milliseconds(one.genome) for one in tried) <= limit < max(map(known.milliseconds, slow))
  assert search(tmp_path / 'bounded', **table, target_latency_ms=limit).run() == tried
  ticket = found.charged({1: made_up_final(found, tried[1], 0.5)}, tried)
  assert ticket.provenance.latency == {'milliseconds': known.milliseconds(tried[1].genome), 'table': dict(known.settings)}
  assert free.charged({1: made_up_final(free, all_of_free[1], 0.5)}, all_of_free).provenance.latency is None


def test_a_bound_in_milliseconds_that_no_network_meets_is_refused(tmp_path, table):
  with pytest.raises(
    ConfigError, match=r'^--target_latency_ms is at least that of the smallest network .*, 0\.2\d* here\. Received: 0\.1\.'
  ):
    search(tmp_path / 'run', **table, target_latency_ms=0.1)


def test_a_table_of_other_images_is_refused(tmp_path, table):
  space_tables.write(tmp_path / 'table.json', SETTINGS['space'], 16, len(tiny.LABELS))
  with pytest.raises(LatencyError, match='a table of mobilenet3_mt_tiny, 16 pixels'):
    search(tmp_path / 'run', **table, target_latency_ms=9)


@pytest.mark.parametrize(
  ('settings', 'message'),
  [
    (
      {'target_macs': 100.0},
      '^--target_macs is at least that of the smallest network of the space mobilenet3_mt_tiny, 13,656 here. Received: 100. Raise it, or'
      ' choose another --space.$',
    ),
    ({'target_macs': 0.1}, 'the smallest network of the space mobilenet3_mt_tiny, 13,656 here. Received: 0.1, which is 6,584. Raise it'),
    (
      {'target_params': 9},
      '^--target_params is at least that of the smallest network of the space mobilenet3_mt_tiny, 375 here. Received: 9',
    ),
  ],
)
def test_a_bound_that_no_network_meets_is_refused(tmp_path, settings, message):
  with pytest.raises(ConfigError, match=message):
    search(tmp_path, **settings)


def test_the_space_follows_from_the_size_of_the_images(tmp_path):
  assert search(tmp_path, space='', target_macs=1e6).name == 'mobilenet3_mt_small'
  assert Search(tiny.four(64), tiny.config(**SETTINGS | {'space': '', 'target_macs': 1e8})).name == 'mobilenet3_mt'


@pytest.mark.parametrize('seed', [0, 4])
def test_a_budget_for_no_network_is_refused_before_anything_is_planned(seed):
  few = {'space': 'mobilenet3_mt_small', 'population': 2, 'trials': 4, 'trial_epochs': 1, 'target_macs': 4e6, 'seed': seed}
  with pytest.raises(ConfigError, match='^--trials lasts for one network at least, with the look at its channels. Received: 4. Raise it'):
    menas.tells(tiny.task(), tiny.config(**SETTINGS | few))
  assert menas.tells(tiny.task(), tiny.config(**SETTINGS | few, ticket_macs=1.0))


def test_a_teacher_is_in_the_price_of_a_training_and_in_the_budget(tmp_path, monkeypatch):
  alone = search(tmp_path)
  monkeypatch.setattr(generations, 'teacher', lambda task, config: types.SimpleNamespace(macs=1000))
  taught, genome = search(tmp_path), alone.evolves.space.member(5)
  lessons = 2 * 96 * 1000  # One forward pass for each picture of two epochs.
  assert taught.evolves.price(genome) - alone.evolves.price(genome) == lessons
  assert taught.evolves.rules.budget - alone.evolves.rules.budget == 9 * lessons


def test_a_target_that_all_meet_is_that_of_the_largest(tmp_path):
  found = search(tmp_path, target_macs=1e9)
  assert found.target == price(largest(found.nursery.space), found.nursery.site).macs == found.evolves.rules.target < 1e6


def test_parameters_are_bounded_too(tmp_path, made_up):
  found = search(tmp_path, target_params=600)
  assert all(price(one.genome, found.nursery.site).params <= 600 for one in found.run())


def test_a_worker_that_does_not_share_the_folder_of_trainings_is_told_so(tmp_path, made_up):
  found = search(tmp_path)
  found.run()
  other = search(tmp_path / 'other')
  other._folder, other._outcomes = tmp_path / 'other' / 'nowhere', found._outcomes
  with pytest.raises(ConfigError, match='Processes that share a search share the folder of its trainings. Received: no search in'):
    other._run(None)


def test_a_chief_that_cannot_listen_says_so(tmp_path, made_up, monkeypatch):
  for name, value in zip(VARIABLES, ('chief', 'nowhere.invalid', '1')):
    monkeypatch.setenv(name, value)
  with pytest.raises(ConfigError, match='A chief listens where its workers call it. Received: nowhere.invalid:1 '):
    search(tmp_path).run()


def test_a_candidate_whose_ticket_is_gone_is_named(tmp_path, made_up, monkeypatch):
  found = search(tmp_path)
  found.run()
  monkeypatch.undo()
  with pytest.raises(WorkdirError, match='A search keeps what its candidates were trained to. Received: none in '):
    found._ticket(0)

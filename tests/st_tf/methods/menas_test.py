"""An evolution from its plan to its ticket; what a search proposes is in the tests beside this one."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import types

import pytest

from st_tf import methods
from st_tf.comparing.budget import spent, within
from st_tf.config import ConfigError
from st_tf.methods import menas
from st_tf.methods._pipeline import Pipeline
from st_tf.methods._tuning import VARIABLES, Failed
from st_tf.pruning.ranking import RankingError
from st_tf.runs.continuing import DivergedError
from st_tf.runs.workdir import Workdir
from st_tf.search.evolution import Candidate
from st_tf.ticket import Ticket
from st_tf.ticket.facts import TrainingCost
from tests import tiny

ROOT = pathlib.Path(__file__).resolve().parents[3]
# Three networks of one epoch each, and a last training.
SETTINGS = {
  **{'method': 'menas', 'space': 'mobilenet3_mt_tiny', 'population': 2, 'first_macs': 1.0, 'trials': 6, 'trial_epochs': 1},
  **{'epochs': 2, 'target_macs': 25_000.0, 'learning_rate': 0.05},
}


@pytest.mark.parametrize(
  ('settings', 'message'),
  [
    (
      {'cost': 'latency:table.json'},
      '^--method=menas has a table for --target_latency_ms. Received: --cost=latency:table.json alone. Give both or neither.$',
    ),
    ({'target_macs': 0.0}, '^--method=menas needs a bound, which its networks evolve towards. Received: --target_macs=0. Raise it.$'),
    ({'init_from': 'somewhere'}, '^--method=menas trains networks of a space of its own. Received: --init_from=somewhere. Leave it out.$'),
    (
      {'supernet': 'mobilenet_v3_small'},
      '^--method=menas trains networks of a space of its own, none of which is trained already. Received: --supernet=mobilenet_v3_small. ',
    ),
    ({'population': 1}, '^--population is at least 2. Received: 1. Raise it.$'),
    (
      {'population': 8, 'first_macs': 1.5, 'trials': 12},
      '^--trials lasts for a first generation and a child: --population times --first_macs over --ticket_macs, and one more, here 16.',
    ),
    ({'sparsity': (0.995,)}, '^--sparsity leaves each layer its --layer_floor, and is at most 0.99 here. Received: 0.995. Lower it.$'),
    (
      {'ticket_sparsity': 0.8, 'layer_floor': 0.3, 'sparsity': (0.5,)},
      '^--ticket_sparsity leaves each layer its --layer_floor, and is at most',
    ),
    ({'finalists': 3}, '^--finalists are of the population. Received: 3 of 2. Lower it.$'),
    ({'prune_begin': 0.9, 'prune_end': 0.5}, 'Pruning begins before it ends.'),
  ],
)
def test_what_no_search_can_have_is_refused_before_anything_is_trained(settings, message):
  with pytest.raises(ConfigError, match=message):
    menas.plan(tiny.config(**SETTINGS | settings), tiny.STEPS_PER_EPOCH)


def test_a_plan_names_all_trainings_and_a_budget_counts_them():
  config = tiny.config(**SETTINGS | {'epochs': 8, 'trials': 12, 'trial_epochs': 0, 'sparsity': (0.5, 0.8), 'finalists': 2})
  found = menas.trainings(config)
  expected = [('12 trials', 24), ('train 2 networks to 50%', 16), ('train 2 networks to 80%', 16)]
  assert [(each.name, each.epochs) for each in found] == expected
  assert menas.trainings(tiny.config(**SETTINGS))[1].name == 'train to 80%'
  # Half of the supernet's MACs: 12 trials of 2 epochs and a training of 8 cost as much as 16 epochs of it.
  half = tiny.config(**SETTINGS | {'epochs': 8, 'trials': 12, 'trial_epochs': 0, 'target_macs': 0.5})
  assert spent(half, 0) == 16 and within(half, 16, 0).epochs == 8


def test_a_plan_says_how_large_the_space_is_and_what_the_search_costs():
  lines = menas.tells(tiny.task(), tiny.config(**SETTINGS | {'population': 4, 'trials': 9, 'target_params': 900, 'first_macs': 1.5}))
  assert lines == [
    '  space       mobilenet3_mt_tiny: 7,820,478,720 networks',
    '  evolution   4 networks at first, 2 children in each generation; tickets of 80% of the MACs, 50% masked',
    '              at most 37,500 MACs of a ticket at first, 25,000 in the end; at most 900 parameters',
    '              as much training as 9 networks of the target size in 1 epochs each: 64,800,000 MACs',
  ]
  random = menas.tells(tiny.task(), tiny.config(**SETTINGS, evolve=False, replace=False))
  assert random[1] == '  evolution   2 networks at first, all others drawn by chance; no tickets'


class Found:
  """A search that is done, whose last trainings are refused as often as said."""

  target, nursery = 100.0, types.SimpleNamespace(finished=print)

  def __init__(self, *given):
    self.tried = tuple(Candidate(number, 0, None, ticket='genome', macs=50, fitness=0.1 * number) for number in range(3))

  def run(self):
    return self.tried

  def continued(self, one):
    return one

  def charged(self, finals, tried, lost):
    return dict.fromkeys((*finals, *(cost.macs for cost in lost)))


@pytest.mark.parametrize(('refused', 'count', 'trained'), [(0, 1, [2]), (1, 1, [1]), (1, 2, [1, 0]), (2, 2, [0])])
def test_what_cannot_be_as_sparse_gives_way_to_the_next_best(monkeypatch, tmp_path, capsys, refused, count, trained):
  last, kept = (stages_that_refuse(refused), []), []
  monkeypatch.setattr(menas, 'Search', Found)
  monkeypatch.setattr(Pipeline, 'stage', lambda self, config, draw, source: last[0](source))
  monkeypatch.setattr(Pipeline, 'keep', lambda self, drawn: kept.extend(drawn))
  config = tiny.config(**SETTINGS | {'finalists': count})
  menas.draw(tiny.task(), config, Workdir(tmp_path, config))
  assert list(kept[0]) == trained and capsys.readouterr().out.count('is not trained to the end: as said') == refused


@pytest.mark.parametrize(('times', 'paid'), [(1, [1, 7]), (2, None)])
def test_a_last_training_that_diverges_is_paid_for_and_gives_way_as_often_as_the_population_is_large(monkeypatch, tmp_path, times, paid):
  failure, kept = Failed('diverged', TrainingCost(1.0, 7, 1.0)), []
  failure.__cause__ = DivergedError('The loss is a finite number.')
  stage = stages_that_refuse(times, failure)
  monkeypatch.setattr(menas, 'Search', Found)
  monkeypatch.setattr(Pipeline, 'stage', lambda self, config, draw, source: stage(source))
  monkeypatch.setattr(Pipeline, 'keep', lambda self, drawn: kept.extend(drawn))
  config = tiny.config(**SETTINGS)
  with pytest.raises(DivergedError, match='^The loss is a finite number.$') if paid is None else contextlib.nullcontext():
    menas.draw(tiny.task(), config, Workdir(tmp_path, config))
  assert paid is None or list(kept[0]) == paid


def stages_that_refuse(times, error=None):
  left = [error or RankingError('as said')] * times

  def stage(one):
    if left:
      raise left.pop()
    return one

  return stage


def test_where_all_are_refused_the_first_reason_is_told(monkeypatch, tmp_path):
  stage = stages_that_refuse(3)
  monkeypatch.setattr(menas, 'Search', Found)
  monkeypatch.setattr(Pipeline, 'stage', lambda self, config, draw, source: stage(source))
  monkeypatch.setattr(Pipeline, 'keep', lambda self, drawn: list(drawn))
  config = tiny.config(**SETTINGS)
  with pytest.raises(RankingError, match='as said'):
    menas.draw(tiny.task(), config, Workdir(tmp_path, config))


def test_it_trains_no_supernet():
  assert methods.named('menas').has_networks and not methods.named('tuner').has_networks


def drawn(folder: pathlib.Path, **settings) -> Ticket:
  config = tiny.config(**SETTINGS | settings)
  return menas.draw(tiny.task(), config, Workdir(folder, config))


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
  return drawn(tmp_path_factory.mktemp('menas') / 'whole')


@pytest.mark.slow
def test_a_population_of_two_evolves_into_a_ticket(tmp_path):
  ticket = drawn(tmp_path / 'run', trials=3, ticket_macs=1.0)  # Without a look at channels, which costs time.
  rows = ticket.provenance.trials
  assert [row['generation'] for row in rows] == [0, 0, 1] and rows[2]['parents'] in ([1], [2], [1, 2], [2, 1])
  assert ticket.sparsity == 0.8 and ticket.cost.macs <= 25_000 and sum(row.get('is_winner', False) for row in rows) == 1
  assert ticket.provenance.training.epochs == 3 + 2 and ticket.provenance.method == 'menas'


@pytest.mark.slow
def test_the_ticket_is_an_ordinary_one_that_has_paid_for_all(whole):
  facts = whole.provenance
  assert facts.method == 'menas' and whole.sparsity == 0.8 and whole.cost.macs <= 25_000
  assert whole.cost.zeros == pytest.approx(0.8 * whole.cost.prunable, abs=6)
  assert [row['generation'] for row in facts.trials][:3] == [0, 0, 1] and facts.trials[2]['parents']
  (winner,) = (row for row in facts.trials if row.get('is_winner'))
  assert winner['final'] == whole.metrics['validation']['top1']
  # Of one epoch each, in which pictures were looked at once more; and two epochs at the end.
  assert facts.training.epochs == 2.0 * len(facts.trials) + 2
  assert facts.training.macs > 3 * tiny.SIZES['train'] * (sum(row['macs'] for row in facts.trials) + 2 * whole.cost.macs)
  assert set(whole.arch.by_name) >= {'stem/conv', 's0b0/expand', 's1b0/project', 'last/conv', 'head/classifier'}


@pytest.mark.slow
@pytest.mark.long
def test_an_interrupted_run_ends_with_the_ticket_of_an_uninterrupted_one(whole, tmp_path, capsys):
  for _ in range(3):  # In the first network's training, in the second's, in the third's.
    with tiny.interrupted():
      drawn(tmp_path / 'cut')
  rest = drawn(tmp_path / 'cut')
  assert capsys.readouterr().out.count('candidate   1  ') == 1
  assert rest.fingerprint == whole.fingerprint
  assert (rest.provenance.training.macs, rest.provenance.trials) == (whole.provenance.training.macs, whole.provenance.trials)


@pytest.mark.slow
def test_two_epochs_on_shapes_are_delivered_with_a_report(tmp_path):
  flags = [f'--{name}={value}' for name, value in (SETTINGS | {'target_macs': 200_000}).items()]
  command = ['-m', 'st_tf.train', '--task=shapes', '--train_examples=200', '--batch_size=50', f'--workdir={tmp_path / "run"}', *flags]
  done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)
  assert done.returncode == 0, done.stderr
  page = (tmp_path / 'run/tickets/sparsity_0.9/report/index.html').read_text()
  assert '<h2>Evolution</h2>' in page and 'Population over the generations' in page and '&#34;stem&#34;' not in page


@pytest.mark.slow
@pytest.mark.long
def test_controls_give_tickets_too(tmp_path):
  plain = drawn(tmp_path / 'run', evolve=False, inherit=False, replace=False, finalists=2, sparsity=(0.5,))
  rows = plain.provenance.trials
  assert not any(row['parents'] for row in rows) and all(row['ticket'] == row['genome'] for row in rows)
  assert sum('final' in row for row in rows) == 2 and plain.sparsity == 0.5


PROCESS = """
import sys
from st_tf import quiet
quiet.libraries()
from st_tf.methods import menas
from st_tf.errors import NothingLeft
from st_tf.runs.workdir import Workdir
from tests import tiny
from tests.st_tf.methods.menas_test import SETTINGS
config = tiny.config(**SETTINGS)
try:
  menas.draw(tiny.task(), config, Workdir(sys.argv[1], config, stages=sys.argv[2], wait=True))
except NothingLeft as end:
  print(end)
"""


@pytest.mark.slow
def test_a_chief_and_a_worker_that_are_killed_cost_nothing_but_the_trial(whole, tmp_path):
  with socket.socket() as free:
    free.bind(('127.0.0.1', 0))
    port = free.getsockname()[1]
  with contextlib.ExitStack() as stack:

    def start(name: str, log: str) -> subprocess.Popen:
      environment = os.environ | dict(zip(VARIABLES, (name, '127.0.0.1', str(port))))
      command = [sys.executable, '-c', PROCESS, str(tmp_path / name), str(tmp_path / 'stages')]
      output = stack.enter_context(open(tmp_path / log, 'w'))
      process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
      stack.callback(process.kill)
      return process

    def wait_for(log: str, text: str) -> None:
      until = time.monotonic() + 240
      while text not in (tmp_path / log).read_text():
        assert time.monotonic() < until, (tmp_path / log).read_text()
        time.sleep(0.2)

    chief, first = start('chief', 'chief.txt'), start('one', 'one.txt')
    wait_for('one.txt', 'Building the training step')
    first.send_signal(signal.SIGKILL)
    second = start('two', 'two.txt')
    wait_for('chief.txt', 'worker one has died; its trial goes to another one.')
    wait_for('two.txt', 'candidate ')
    chief.send_signal(signal.SIGKILL)
    second.send_signal(signal.SIGKILL)
    chief, third = start('chief', 'again.txt'), start('three', 'three.txt')
    codes = chief.wait(timeout=280), third.wait(timeout=60)
  said = {path.name: path.read_text() for path in tmp_path.glob('*.txt')}
  assert codes == (0, 0), said
  assert said['three.txt'].splitlines()[-1].startswith('No trial is left: this worker ends')
  told = {line.split('generation')[0] for text in said.values() for line in text.splitlines() if line.startswith('candidate')}
  assert len(told) == len(whole.provenance.trials) == len(list((tmp_path / 'stages').glob('menas-*/tickets/*')))
  (path,) = tmp_path.glob('chief/tickets/sparsity_0.8')
  rest = Ticket.load(path)
  assert rest.fingerprint == whole.fingerprint and rest.provenance.trials == whole.provenance.trials

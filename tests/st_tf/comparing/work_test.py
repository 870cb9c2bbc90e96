import json

import pytest

from st_tf.comparing.record import Records
from st_tf.comparing.work import Work
from st_tf.config import Config, Identity
from st_tf.ticket import TicketError
from tests.st_tf.comparing.table_test import EXAMPLES, record

RUNS = [Identity.of(Config(task='shapes', method=method)) for method in ('gmp', 'rigl')]


@pytest.fixture
def work(tmp_path):
  """Work whose trainings and measures are pretended; `launched` and `measured` tell of them."""
  launched, measured = [], []

  class Launcher:
    def __call__(self, config, path):
      launched.append(config.method)
      if config.method in found.interrupted:
        raise KeyboardInterrupt
      return f'{path} ended by SIGKILL' if config.method in found.broken else ''

    def stop(self):
      found.stopped = True

  def measure(path, split):
    measured.append((path.parents[1].name.split('-')[0], path.name, split))
    if split == 'validation' and 'rigl' in str(path):
      raise TicketError('A ticket is whole. Received: half of one.')
    return record(0.5, 60.0)

  found = Work(tmp_path, Records(tmp_path / 'records', EXAMPLES), measure, 'top1', Launcher(), 1)
  found.interrupted, found.stopped = (), False
  found.broken, found.launched, found.measured = (), launched, measured
  return found


def test_what_is_known_is_not_done_again(work, capsys):
  assert work.do(RUNS, 'runs', 'test') == {} and work.launched == ['gmp', 'rigl']
  assert work.measured == [('gmp', 'sparsity_0.9', 'test'), ('rigl', 'sparsity_0.9', 'test')]
  assert '[2/2] rigl at 90%, seed 0, learning rate 0.1: 51.0% on validation, 1 min 00 s of training' in capsys.readouterr().out
  assert work.do(RUNS, 'runs', 'test') == {} and len(work.launched) == 2 and len(work.measured) == 2
  assert all(work.is_done(run, 'test') and work.find(run, 'validation') for run in RUNS)


def test_a_crashed_run_is_told_and_not_known(work, tmp_path, capsys):
  work.broken = ('gmp',)
  path = work.path(RUNS[0])
  assert work.do(RUNS, 'runs', 'test') == {path: f'runs/{path.name} ended by SIGKILL'}
  assert work.find(RUNS[0], 'test') is None and not work.is_done(RUNS[0], 'test') and work.is_done(RUNS[1], 'test')
  assert str(tmp_path) not in capsys.readouterr().out


def test_an_interruption_stops_what_runs(work):
  work.interrupted = ('gmp',)
  with pytest.raises(KeyboardInterrupt):
    work.do(RUNS, 'runs', 'test')
  assert work.stopped and work.launched == ['gmp'] and not work.measured


def test_a_ticket_that_cannot_be_used_is_told(work):
  assert work.do(RUNS, 'runs', 'validation') == {work.path(RUNS[1]): 'A ticket is whole. Received: half of one.'}


def test_a_run_with_another_file_than_the_comparison_began_with_is_not_taken_for_it(work, tmp_path):
  (tmp_path / 'network.json').write_text('the first network')
  run = Identity.of(Config(task='shapes', method='gmp', supernet=str(tmp_path / 'network.json')))
  folder = work.path(run)
  for content, measured in (('0' * 16, []), (run.digests['supernet'], [('gmp', 'sparsity_0.9', 'test')])):
    (folder / 'tickets' / 'sparsity_0.9').mkdir(parents=True, exist_ok=True)
    (folder / 'tickets' / 'sparsity_0.9' / 'ticket.json').write_text('{}')
    (folder / 'finished.json').write_text(json.dumps(['sparsity_0.9']))
    (folder / 'contents.json').write_text(json.dumps({'supernet': content}))
    errors = work.do([run], 'runs', 'test')
    assert work.measured == measured
    assert ('of another --supernet. Remove that folder.' in str(errors)) == (not measured)


@pytest.mark.parametrize(
  ('edit', 'received'), [(lambda path: path.write_text('another'), 'another one'), (lambda path: path.unlink(), 'none')]
)
def test_a_file_that_is_not_the_same_any_more_is_told(work, tmp_path, edit, received):
  network = tmp_path / 'network.json'
  network.write_text('the first network')
  run = Identity.of(Config(task='shapes', method='gmp', supernet=str(network)))
  assert run.digests
  edit(network)
  (error,) = work.do([run], 'runs', 'test').values()
  assert error == f'The file of --supernet stays as it is during a comparison. Received: {received}. Put it back.' and not work.launched


def test_a_run_that_is_finished_but_not_recorded_is_measured_only(work):
  folder = work.path(RUNS[0])
  (folder / 'tickets' / 'sparsity_0.9').mkdir(parents=True)
  (folder / 'tickets' / 'sparsity_0.9' / 'ticket.json').write_text('{}')
  (folder / 'finished.json').write_text(json.dumps(['sparsity_0.9']))
  assert work.is_done(RUNS[0], 'test') and work.do(RUNS[:1], 'runs', 'test') == {}
  assert not work.launched and work.measured == [('gmp', 'sparsity_0.9', 'test')]

import pathlib
import sys
import threading
import time

import pytest

from st_tf import processes
from st_tf.comparing import runner
from st_tf.comparing.runner import Launcher, Outcome, run
from tests import tiny

PYTHON = sys.executable


def work(count: int) -> dict:
  return {pathlib.Path(f'run{number}'): tiny.config(seed=number) for number in range(count)}


def never() -> None:
  raise AssertionError('nothing is to be stopped')


def test_a_failure_is_an_outcome_and_the_rest_goes_on():
  found = set(run(work(3), lambda config, path: 'out of memory' if config.seed == 1 else '', never, jobs=1))
  assert found == {Outcome(pathlib.Path('run0')), Outcome(pathlib.Path('run1'), 'out of memory'), Outcome(pathlib.Path('run2'))}


def test_as_many_run_at_a_time_as_there_are_jobs():
  together = threading.Barrier(2, timeout=20)
  assert len(list(run(work(4), lambda config, path: together.wait() and '' or '', never, jobs=2))) == 4


def test_an_interruption_stops_what_runs_and_starts_nothing_more():
  class Launch:
    started, stopped = 0, False

    def __call__(self, config, path):
      self.started += 1
      raise KeyboardInterrupt

    def stop(self):
      self.stopped = True

  launch = Launch()
  with pytest.raises(KeyboardInterrupt):
    list(run(work(5), launch, launch.stop, jobs=1))
  assert launch.stopped and launch.started == 1


@pytest.fixture
def pretend(tmp_path, monkeypatch):
  """A launcher whose processes run some Python code in the place of a training."""

  def launcher(code: str) -> Launcher:
    script = tmp_path / 'python'
    script.write_text(f'#!{PYTHON}\n{code}\n')
    script.chmod(0o755)
    monkeypatch.setattr(runner.sys, 'executable', str(script))
    return Launcher(tmp_path, jobs=1)

  return launcher


@pytest.mark.parametrize(
  ('code', 'error'),
  [
    ('print("fine")', ''),
    ('print("error: A rule. Received: x."); raise SystemExit(2)', 'A rule. Received: x.'),
    ('print("Traceback"); print("KeyError: 3"); raise SystemExit(1)', 'exit code 1; KeyError: 3'),
    ('import os, signal; os.kill(os.getpid(), signal.SIGKILL)', f'ended by SIGKILL{processes.OF_MEMORY}'),
    ('raise SystemExit(130)', processes.INTERRUPTED),
  ],
)
def test_a_process_that_ends_badly_is_told_in_one_line(pretend, tmp_path, code, error):
  assert pretend(code)(tiny.config(), tmp_path / 'runs' / 'a') == error
  assert (tmp_path / 'configs' / 'a.json').is_file() and (tmp_path / 'logs' / 'a.txt').is_file()


def test_the_reason_is_that_of_the_last_attempt(pretend, tmp_path):
  path = tmp_path / 'runs' / 'a'
  assert pretend('print("error: Make room."); raise SystemExit(2)')(tiny.config(), path) == 'Make room.'
  assert pretend('import os, signal; os.kill(os.getpid(), signal.SIGKILL)')(tiny.config(), path) == f'ended by SIGKILL{processes.OF_MEMORY}'


def test_relative_paths_mean_what_they_mean_to_the_caller(pretend, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  pretend('import os; print(os.getcwd())')(tiny.config(), tmp_path / 'runs' / 'a')
  assert (tmp_path / 'logs' / 'a.txt').read_text().strip() == str(tmp_path)


def test_a_process_that_cannot_be_started_is_an_outcome():
  def launch(config, path):
    raise OSError('no space left')

  (found,) = run(work(1), launch, lambda: None, jobs=1)
  assert found.error == 'The process could not be started: no space left'


def test_whoever_takes_no_more_outcomes_stops_what_runs():
  class Launch:
    stopped = threading.Event()

    def __call__(self, config, path):
      if config.seed:
        assert self.stopped.wait(20)
      return ''

    def stop(self):
      self.stopped.set()

  launch = Launch()
  outcomes = run(work(2), launch, launch.stop, jobs=2)
  assert next(outcomes).path == pathlib.Path('run0')
  outcomes.close()
  assert launch.stopped.is_set()


def test_the_process_gets_its_settings_and_the_folder_of_shared_stages(pretend, tmp_path):
  launch = pretend('import sys; print("\\n".join(sys.argv[1:]))')
  assert launch(tiny.config(), tmp_path / 'runs' / 'a') == ''
  said = (tmp_path / 'logs' / 'a.txt').read_text().splitlines()
  assert said[:2] == ['-m', 'st_tf.train'] and f'--stages={tmp_path / "runs"}' in said and '--nodeliver' in said


def test_a_stopped_process_is_asked_to_save(pretend, tmp_path):
  launch = pretend(
    'import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: (print("saved", flush=True), sys.exit(130)))\n'
    'print("ready", flush=True)\ntime.sleep(60)'
  )
  log = tmp_path / 'logs' / 'a.txt'

  def stop_when_ready():
    while not log.is_file() or 'ready' not in log.read_text():
      time.sleep(0.05)
    launch.stop()

  threading.Thread(target=stop_when_ready).start()
  with pytest.raises(KeyboardInterrupt):
    launch(tiny.config(), tmp_path / 'runs' / 'a')
  assert log.read_text().splitlines() == ['ready', 'saved']

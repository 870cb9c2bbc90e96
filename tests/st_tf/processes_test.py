"""What processes are given, how they end with the one that started them, and why they ended."""

import pathlib
import subprocess
import sys
import time

import pytest

from st_tf import processes

PYTHON = sys.executable
ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
  ('said', 'code', 'error'),
  [
    ('fine', 0, ''),
    ('x\nerror: A rule. Received: x.\n', 2, 'A rule. Received: x.'),
    ('Traceback\nKeyError: 3\n\n', 1, 'exit code 1; KeyError: 3'),
    ('', 1, 'exit code 1'),
    ('here', -9, f'ended by SIGKILL{processes.OF_MEMORY}'),
    ('here', -40, 'ended by signal 40'),
    ('here', 130, processes.INTERRUPTED),
  ],
)
def test_why_a_process_has_ended_is_a_line(tmp_path, said, code, error):
  log = tmp_path / 'log.txt'
  assert processes.size_of(log) == 0
  log.write_text('error: Of the time before.\n')
  before = processes.size_of(log)
  with open(log, 'a') as file:
    file.write(said)
  assert processes.error_of(log, before, code) == error


def test_a_process_finds_this_project_and_has_its_threads(monkeypatch):
  monkeypatch.setenv('PYTHONPATH', '/elsewhere')
  assert processes.environment_of(3) == {'TF_NUM_INTRAOP_THREADS': '3', 'OMP_NUM_THREADS': '3', 'PYTHONPATH': f'{ROOT}:/elsewhere'}


def test_a_process_is_asked_to_end_when_the_one_that_started_it_dies(tmp_path):
  training = "trap 'touch asked; exit' TERM; touch ready; while :; do sleep 0.1; done"
  dying = f"""
import os, subprocess, time
from st_tf import processes
subprocess.Popen(['sh', '-c', {training!r}], cwd={str(tmp_path)!r}, preexec_fn=processes.follower())
while not os.path.exists({str(tmp_path / 'ready')!r}):
  time.sleep(0.05)
os._exit(9)
"""
  assert subprocess.run([PYTHON, '-c', dying], cwd=ROOT).returncode == 9
  ends = time.monotonic() + 20
  while not (tmp_path / 'asked').exists() and time.monotonic() < ends:
    time.sleep(0.05)
  assert (tmp_path / 'asked').exists()

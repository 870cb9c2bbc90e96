"""Processes as tasks of a cluster: what is refused, how they are asked to save, how they end."""

import contextlib
import subprocess
import sys
import time

import psutil
import pytest

from st_tf import clusters
from st_tf.errors import UserError


@pytest.mark.parametrize(
  ('given', 'message'),
  [
    (('auto', 0, 0.0), r'^--cpus_per_run is at least 1\. Received: 0\.$'),
    (('auto', 1, -1.0), r'^--gpus_per_run is a number of whole GPUs, or a share of one\. Received: -1\.$'),
    (('auto', 1, 1.5), r'a share of one\. Received: 1\.5'),
    (('', 2, 0.0), r'^--cpus_per_run goes with --cluster\. Received: no --cluster\. Leave it out, or write --cluster=auto\.$'),
    (('', 1, 0.5), r'^--gpus_per_run goes with --cluster\.'),
  ],
)
def test_what_no_cluster_can_give_is_refused(given, message):
  with pytest.raises(UserError, match=message):
    clusters.check(*given)


def test_no_cluster_and_whole_gpus_are_fine():
  clusters.check('', 1, 0.0)
  clusters.check('auto', 8, 2.0)


def test_a_cluster_needs_ray(monkeypatch):
  monkeypatch.setitem(sys.modules, 'ray', None)
  with pytest.raises(UserError, match=r"--cluster needs Ray\. Received: none is installed\. Write pip install 'supertickets\[cluster\]'"):
    clusters.Tasks('auto', 1, 0.0)


def test_a_task_is_the_same_process_and_is_asked_to_save(tmp_path):
  log = tmp_path / 'log.txt'
  code = 'import os; print(os.environ["OMP_NUM_THREADS"], os.getcwd()); raise SystemExit(3)'
  assert clusters._done(['-c', code], str(log), {'OMP_NUM_THREADS': '7'}, str(tmp_path)) == (3, '') and log.read_text() == f'7 {tmp_path}\n'
  assert clusters._done(['-c', 'print(5)'], '', {}, str(tmp_path)) == (0, '5\n'), 'what has no log is kept'
  patient = (
    'import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: (print("saved"), sys.exit(130)))\nprint("there", flush=True)\n'
    'time.sleep(60)'
  )
  # Ray interrupts the main thread as this does, without a signal.
  cancelled = (
    'import _thread, pathlib, signal, threading, time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n'
    'from st_tf import clusters\ndef cancel():\n'
    f'  while "there" not in pathlib.Path({str(log)!r}).read_text(): time.sleep(0.05)\n  _thread.interrupt_main()\n'
    f'threading.Thread(target=cancel).start()\nclusters._done(["-c", {patient!r}], {str(log)!r}, {{}}, "/")'
  )
  process = subprocess.run([sys.executable, '-c', cancelled], stderr=subprocess.PIPE, text=True, timeout=50)  # Less than it sleeps.
  assert process.stderr.rstrip().endswith('KeyboardInterrupt')
  assert log.read_text().endswith('there\nsaved\n')


def test_a_process_ends_with_the_task_that_started_it(tmp_path):
  log = tmp_path / 'log.txt'
  log.touch()
  patient = 'import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)'
  task = f'from st_tf import clusters\nclusters._done(["-c", {patient!r}], {str(log)!r}, {{}}, "/")'
  process = subprocess.Popen([sys.executable, '-c', task])
  while not log.read_text().endswith('\n'):
    time.sleep(0.05)
  process.kill()
  process.wait()
  started, pid = time.monotonic(), int(log.read_text())
  with contextlib.suppress(psutil.NoSuchProcess):
    while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:  # Which nobody may be there to bury.
      assert time.monotonic() - started < 20
      time.sleep(0.05)


def test_a_process_that_its_node_asks_to_end_is_started_again(tmp_path):
  with pytest.raises(clusters.Preempted, match=r'log\.txt says how far it came'):
    clusters._done(['-c', 'raise SystemExit(130)'], str(tmp_path / 'log.txt'), {}, '/nowhere')


@pytest.mark.parametrize(
  ('devices', 'gpus', 'room'), [(3, 1, 3), (3, 2, 1), (3, 0.5, 6), (3, 0.7, 3), (1, 0.25, 4), (2, 0.2, 10), (1, 0.05, 20), (0, 0.5, 0)]
)
def test_a_task_is_on_one_gpu_or_on_whole_ones(devices, gpus, room):
  assert clusters._share(devices, gpus) == room


SIGNALLED = """
import os, signal, sys
from st_tf import clusters
signal.signal(signal.SIGTERM, signal.default_int_handler)
clusters.Tasks(sys.argv[1], 1, 0.0)
try:
  os.kill(os.getpid(), signal.SIGTERM)
except KeyboardInterrupt:
  print('as before')
"""


@pytest.mark.slow
def test_a_signal_stays_what_it_was_and_who_asks_too_much_is_told(nodes):
  found, _ = nodes
  process = subprocess.run([sys.executable, '-c', SIGNALLED, found.address], capture_output=True, text=True, timeout=120)
  assert process.stdout == 'as before\n', process.stderr
  assert clusters.Tasks(found.address, 1, 0.0).room == 2
  with pytest.raises(UserError, match=r'has room for a training\. Received: --cpus_per_run=64 --gpus_per_run=0; its nodes have 1 pr'):
    clusters.Tasks(found.address, 64, 0.0)

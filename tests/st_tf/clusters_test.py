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
  code = 'import os; print(os.environ["OMP_NUM_THREADS"]); raise SystemExit(3)'
  assert clusters._done(['-c', code], str(log), {'OMP_NUM_THREADS': '7'}) == 3 and log.read_text() == '7\n'
  patient = (
    'import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: (print("saved"), sys.exit(130)))\nprint("there", flush=True)\n'
    'time.sleep(60)'
  )
  # Ray interrupts the main thread as this does, without a signal.
  cancelled = (
    'import _thread, pathlib, threading, time\nfrom st_tf import clusters\ndef cancel():\n'
    f'  while "there" not in pathlib.Path({str(log)!r}).read_text(): time.sleep(0.05)\n  _thread.interrupt_main()\n'
    f'threading.Thread(target=cancel).start()\nclusters._done(["-c", {patient!r}], {str(log)!r}, {{}})'
  )
  process = subprocess.run([sys.executable, '-c', cancelled], stderr=subprocess.PIPE, text=True, timeout=50)  # Less than it sleeps.
  assert process.stderr.rstrip().endswith('KeyboardInterrupt')
  assert log.read_text().endswith('there\nsaved\n')


def test_a_process_ends_with_the_task_that_started_it(tmp_path):
  log = tmp_path / 'log.txt'
  log.touch()
  patient = 'import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)'
  task = f'from st_tf import clusters\nclusters._done(["-c", {patient!r}], {str(log)!r}, {{}})'
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

"""What comes of many inputs that are nearly right; and that a reader that does wrong would be noticed."""

import pathlib
import subprocess
import sys
import types

import pytest

from st_tf.errors import UserError
from tests.faults import fuzz
from tests.faults.parsers import Parser

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEEDS = [b'{"a": 1}']


def tried(tmp_path, read, errors=(UserError,), seen=(), inputs=3):
  watch = types.SimpleNamespace(is_on=False, seen=list(seen))
  return fuzz.tried(Parser(read, SEEDS, errors), range(inputs), watch, tmp_path)


def raising(error):
  def read(content):
    raise error

  return read


def test_what_reads_or_refuses_has_no_failure(tmp_path):
  found = tried(tmp_path, len)
  assert found.outcomes == {'read': 3} and not found.failures
  found = tried(tmp_path, raising(UserError('A rule. Received: x. Way out.')))
  assert found.outcomes == {'UserError': 3} and not found.failures
  assert '| x | 3 | 0 | 3 | 0 ms |' in fuzz.table({'x': found})


def test_another_error_and_one_without_a_message_are_failures_and_their_inputs_are_kept(tmp_path):
  found = tried(tmp_path, raising(KeyError('a')))
  assert found.failures == [(number, "KeyError: 'a'") for number in range(3)] and (tmp_path / '2').is_file()
  assert tried(tmp_path, raising(UserError(' '))).failures[0] == (0, 'an error without a message')


def test_too_long_and_what_was_done_elsewhere_are_failures(tmp_path, monkeypatch):
  monkeypatch.setattr(fuzz, 'SECONDS', -1.0)
  assert tried(tmp_path, len).failures == [(number, '0.0 s') for number in range(3)]
  monkeypatch.undo()
  assert tried(tmp_path, len, seen=["open '/etc/passwd'"]).failures == [(0, "open '/etc/passwd'")]


WATCHED = """
import os, pathlib, pickle, socket, subprocess, sys
from tests.faults.fuzz import Watch, limit_memory
folder, other = map(pathlib.Path, sys.argv[1:])
watch = Watch(folder)
watch.is_on = True
(folder / 'a').write_text('x')
(folder / 'a').rename(folder / 'b')
(folder / 'b').unlink()
pathlib.Path(os.__file__).read_bytes()
assert not watch.seen, watch.seen
(other / 'mine').read_text()
(other / 'a').write_text('x')
(other / 'a').unlink()
subprocess.run(['true'])
pickle.loads(pickle.dumps(pathlib.PurePosixPath('a')))
watch.is_on = False
print(*watch.seen, sep='\\n')
limit_memory(50)
try:
  bytearray(100 * 2**20)
except MemoryError:
  print('no memory')
"""


def test_what_a_process_does_outside_of_its_folder_is_noticed_and_its_memory_ends(tmp_path):
  for name in ('in', 'out'):
    (tmp_path / name).mkdir()
  (tmp_path / 'out' / 'mine').write_text('x')
  command = [sys.executable, '-c', WATCHED, str(tmp_path / 'in'), str(tmp_path / 'out')]
  found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
  said = found.splitlines()
  assert [line.split(' ')[0] for line in said[:3]] == ['open', 'open', 'os.remove'] and said[1].endswith('to write')
  assert any(line.startswith('subprocess.Popen') for line in said) and any(line.startswith('pickle.find_class') for line in said)
  assert said[-1] == 'no memory'


@pytest.mark.slow
def test_five_thousand_inputs_of_each_kind_are_read_or_refused(tmp_path):
  command = [sys.executable, '-m', 'tests.faults.fuzz', '--inputs=5000', f'--keep={tmp_path}', f'--out={tmp_path / "table.md"}']
  found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
  assert found.returncode == 0, found.stdout + found.stderr[-2000:]
  lines = (tmp_path / 'table.md').read_text().splitlines()[2:]
  counts = [[int(cell.replace(',', '')) for cell in line.split('|')[2:5]] for line in lines]
  assert len(counts) > 15 and all(tried == 5000 for tried, _, _ in counts), lines
  assert sum(read > 0 for _, read, _ in counts) >= len(counts) - 1, 'no other arrays are the weights of a ticket, which has their digest'

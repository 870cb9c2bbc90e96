"""Gives readers many inputs that are nearly right: each is read, or refused in one message, soon, in little memory and in its own folder.

  python -m tests.faults.fuzz [--inputs=5000] [--first=0] [--parser=NAME ...] [--keep=FOLDER] [--out=TABLE.md]

Ends with exit code 1 where one does something else, and says which; the input is then in the folder of --keep. Inputs are
numbered: `--first=N --inputs=1` tries one again.
"""

import argparse
import collections
import dataclasses
import os
import pathlib
import resource
import sys
import tempfile
import time
from typing import Any

from tests.faults import mutations
from tests.faults.parsers import Parser, parsers

SECONDS = 1.0
MEGABYTES = 500
_ROOT = pathlib.Path(__file__).resolve().parents[2]
_MOST = 5  # Failures of one parser that are told.
# What a reader of plain data has no business with, by the names of Python's audit events.
_NEVER = ('subprocess.Popen', 'os.system', 'os.fork', 'os.exec', 'os.posix_spawn', 'socket.connect', 'socket.bind', 'pickle.find_class')
_CHANGING = (
  'os.remove',
  'os.rename',
  'os.mkdir',
  'os.rmdir',
  'os.link',
  'os.symlink',
  'os.truncate',
  'os.chmod',
  'shutil.rmtree',
  'shutil.move',
)


class Watch:
  """Notes what a process does outside of a folder; for the rest of its life, since what audits Python cannot be taken back.

  Args:
    folder: where everything may be done. Files of the project and of Python may be read.
  """

  def __init__(self, folder: pathlib.Path):
    self._inside = (f'{folder}{os.sep}', str(folder))
    self._readable = tuple(
      str(path) for path in {_ROOT, sys.prefix, sys.base_prefix, *map(os.path.realpath, (sys.prefix, sys.base_prefix))}
    )
    self.seen: list[str] = []
    self.is_on = False
    sys.addaudithook(self._hear)

  def _hear(self, event: str, args: tuple) -> None:
    if not self.is_on:
      return
    if event in _NEVER:
      self.seen.append(f'{event} {args!r:.80}')
    elif event in _CHANGING and not self._is_inside(args[0]):
      self.seen.append(f'{event} {args[0]!r:.80}')
    elif event == 'open' and not isinstance(args[0], int) and not self._is_inside(args[0]):
      writes = isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
      if writes or not os.path.abspath(os.fsdecode(args[0])).startswith(self._readable):
        self.seen.append(f'open {args[0]!r:.80}{" to write" if writes else ""}')

  def _is_inside(self, path: Any) -> bool:
    if isinstance(path, int):
      return True
    path = os.path.abspath(os.fsdecode(path))
    return path == self._inside[1] or path.startswith(self._inside[0])


@dataclasses.dataclass
class Found:
  """What came of the inputs of one parser.

  Attributes:
    outcomes: how many were read, and refused, by the name of the error.
    slowest: seconds of the processor.
    failures: (number of the input, what it did).
  """

  outcomes: collections.Counter = dataclasses.field(default_factory=collections.Counter)
  slowest: float = 0.0
  failures: list[tuple[int, str]] = dataclasses.field(default_factory=list)


def tried(parser: Parser, numbers: range, watch: Watch, keep: pathlib.Path) -> Found:
  """Reads inputs one after the other."""
  found = Found()
  for number in numbers:
    content = mutations.mutated(parser.seeds, number)
    (keep / 'current').write_bytes(content)  # It is there also where the process dies of it.
    outcome, failure, seconds = _read(parser, content, watch)
    if seconds > SECONDS:  # At times it is the machine that takes long.
      seconds = min(seconds, _read(parser, content, watch)[-1])
    found.slowest = max(found.slowest, seconds)
    found.outcomes[outcome] += 1
    for text in (failure, f'{seconds:.1f} s' if seconds > SECONDS else '', *watch.seen):
      if text:
        found.failures.append((number, text))
        (keep / f'{number}').write_bytes(content)
    watch.seen.clear()
  return found


def _read(parser: Parser, content: bytes, watch: Watch) -> tuple[str, str, float]:
  """(what came of it, what was wrong with that, seconds of the processor)."""
  started = time.process_time()
  watch.is_on = True
  try:
    parser.read(content)
    outcome, failure = 'read', ''
  except parser.errors as error:
    outcome, failure = type(error).__name__, '' if str(error).strip() else 'an error without a message'
  except Exception as error:
    outcome, failure = 'failed', f'{type(error).__name__}: {error}'
  finally:
    watch.is_on = False
  return outcome, failure, time.process_time() - started


def limit_memory(megabytes: float) -> None:
  """Lets the process take so much more than it has."""
  pages = int(pathlib.Path('/proc/self/statm').read_text().split()[0])
  most = pages * resource.getpagesize() + int(megabytes * 2**20)
  resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def table(found: dict[str, Found]) -> str:
  """A line for each parser, in Markdown."""
  lines = ['| input | tried | read | refused | slowest |', '|---|---|---|---|---|']
  for name, each in found.items():
    count = each.outcomes.total()
    refused = count - each.outcomes['read'] - each.outcomes['failed']
    lines.append(f'| {name} | {count:,} | {each.outcomes["read"]:,} | {refused:,} | {1000 * each.slowest:.0f} ms |')
  return '\n'.join(lines) + '\n'


def main() -> int:
  """The command."""
  options = argparse.ArgumentParser()
  options.add_argument('--inputs', type=int, default=5000)
  options.add_argument('--first', type=int, default=0)
  options.add_argument('--parser', action='append')
  options.add_argument('--keep', type=pathlib.Path)
  options.add_argument('--out', type=pathlib.Path)
  given = options.parse_args()
  found: dict[str, Found] = {}
  with tempfile.TemporaryDirectory() as made:
    folder = pathlib.Path(made).resolve()
    every = parsers(folder)
    for parser in every.values():
      for seed in parser.seeds:
        parser.read(seed)  # What is imported when it is first needed is there before anybody watches.
    watch = Watch(folder)
    limit_memory(MEGABYTES)
    for name in given.parser or every:
      keep = (given.keep or folder / 'kept') / name.replace(' ', '_')
      keep.mkdir(parents=True, exist_ok=True)
      found[name] = tried(every[name], range(given.first, given.first + given.inputs), watch, keep)
      print(f'{name}: {dict(found[name].outcomes)}, slowest {1000 * found[name].slowest:.0f} ms', flush=True)
      for number, text in found[name].failures[:_MOST]:
        print(f'  input {number}: {text:.300}')
  if given.out:
    given.out.write_text(table(found))
  return int(any(each.failures for each in found.values()))


if __name__ == '__main__':
  sys.exit(main())

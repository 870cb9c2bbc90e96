"""Gives a reader inputs that coverage guides: those that reach new code are changed further. Needs `pip install atheris`.

  python -m tests.faults.guided --parser=NAME [--inputs=100000] [--seed=1] [--keep=FOLDER]

The changes are those of `tests.faults.fuzz`; libFuzzer chooses what to change, and prints what is reached. Ends with an exit code
other than 0 at the first input that is neither read nor refused in one message, soon, in little memory and in its own folder; it is then in
the folder of --keep.
"""

import argparse
import importlib
import pathlib
import sys
import tempfile
import time

import atheris

from tests.faults import fuzz, mutations

_PACKAGES = ['st_tf', 'tasks', 'tflite']


def main() -> None:
  """The command; libFuzzer ends the process."""
  options = argparse.ArgumentParser()
  options.add_argument('--parser', required=True)
  options.add_argument('--inputs', type=int, default=100_000)
  options.add_argument('--seed', type=int, default=1)
  options.add_argument('--keep', type=pathlib.Path)
  given = options.parse_args()
  for name in [name for name in sys.modules if name.partition('.')[0] in _PACKAGES or name == 'tests.faults.parsers']:
    del sys.modules[name]  # Read once more, to be counted.
  with atheris.instrument_imports(include=_PACKAGES):
    parsers = importlib.import_module('tests.faults.parsers').parsers
    folder = pathlib.Path(tempfile.mkdtemp()).resolve()
    parser = parsers(folder)[given.parser]
    for seed in parser.seeds:
      parser.read(seed)
  watch = fuzz.Watch(folder)
  corpus = (given.keep or folder / 'kept') / given.parser.replace(' ', '_')
  corpus.mkdir(parents=True, exist_ok=True)
  for number, seed in enumerate(parser.seeds):
    (corpus / f'seed_{number}').write_bytes(seed)

  def read(content: bytes) -> None:
    started = time.process_time()
    watch.is_on = True
    try:
      parser.read(content)
    except parser.errors as error:
      assert str(error).strip(), 'an error without a message'
    finally:
      watch.is_on = False
    assert time.process_time() - started < fuzz.SECONDS, 'too long'
    assert not watch.seen, watch.seen

  def changed(content: bytes, most: int, seed: int) -> bytes:
    return mutations.mutated([content or parser.seeds[0]], seed)[:most]

  longest = max(map(len, parser.seeds))
  flags = [
    f'-runs={given.inputs}',
    f'-seed={given.seed}',
    f'-max_len={2 * longest}',
    f'-artifact_prefix={corpus}/failed_',
    '-rss_limit_mb=0',
  ]
  atheris.Setup([sys.argv[0], *flags, str(corpus)], read, custom_mutator=changed)
  fuzz.limit_memory(fuzz.MEGABYTES)
  atheris.Fuzz()


if __name__ == '__main__':
  main()

"""Ways to a small network for own pictures, side by side: scores over seeds, what training costs, files, and times in LiteRT.js.

python benchmarks/own_pictures.py --runs=WORKDIR,... --image_sizes=96,224 --out=docs/results/NAME.md

Runs that differ in their seed only are one line; files and times are those of its first. Every file is float16, stored sparse where the
ticket is, timed in turns with all others.
"""

from collections.abc import Iterator, Sequence
import dataclasses
import gzip
import pathlib
import shlex
import statistics

import commands
import mobile
import numpy as np

from st_tf import command, quiet
from st_tf.config import flags


@dataclasses.dataclass(frozen=True)
class Options:
  """What to compare."""

  runs: str = dataclasses.field(default='', metadata={'help': 'Folders of finished runs, with commas between them.'})
  image_sizes: str = dataclasses.field(default='96,224', metadata={'help': 'Sides in pixels at which files are timed.'})
  rounds: int = dataclasses.field(default=15, metadata={'help': 'How often each file is timed; 0 = not at all.'})
  out: str = dataclasses.field(default='', metadata={'help': 'Markdown file to write.'})

  def __post_init__(self):
    if not (self.runs and self.out):
      raise flags.FlagError('--runs and --out are needed. Received: not both. Give the missing one.')
    if not pathlib.Path(self.out).parent.is_dir():
      raise flags.FlagError(f'--out is a file in an existing folder. Received: {self.out}. Create the folder first.')

  @property
  def sides(self) -> tuple[int, ...]:
    """Where files are timed, in pixels."""
    return tuple(map(int, self.image_sizes.split(',')))


@dataclasses.dataclass(frozen=True)
class Line:
  """Runs of one command, with several seeds.

  Attributes:
    words: of the command, without the seed.
    tickets: of the runs, by seed.
  """

  words: tuple[str, ...]
  tickets: tuple

  def mean(self, value) -> float:
    """Mean of what `value` gives of each ticket."""
    return statistics.fmean(map(value, self.tickets))

  def spread(self, value) -> str:
    """Mean of a score, and its standard deviation over seeds where there are several."""
    scores = [100 * value(ticket) for ticket in self.tickets]
    return f'{statistics.fmean(scores):.1f}' + (f' ± {statistics.stdev(scores):.1f}' if len(scores) > 1 else '')


def main(argv: Sequence[str]) -> None:
  """Measures and writes the table."""
  options = flags.read_options(argv, Options, __doc__)
  with quiet.imports():
    from tflite.runtimes import wasm
  lines = list(_lines(options.runs.split(',')))
  contents = {side: [_file(line.tickets[0], side) for line in lines] for side in options.sides}
  times = {}
  for side, files in contents.items() if options.rounds else ():
    image = np.random.default_rng(0).random((1, side, side, 3), np.float32)
    times[side] = [found.latency for found in wasm.measure(files, image, options.rounds)]
  text = '\n'.join(_table(lines, contents[options.sides[0]], times, options)) + '\n'
  print(text)
  pathlib.Path(options.out).write_text(text, encoding='utf-8')


def _lines(folders: Sequence[str]) -> Iterator[Line]:
  from st_tf.ticket import Ticket

  found: dict[tuple[str, ...], list] = {}
  for folder in folders:
    paths = sorted(pathlib.Path(folder).glob('tickets/*/ticket.json'))
    if not paths:
      raise flags.FlagError(f'--runs are folders of finished runs. Received: {folder}, without tickets. Leave it out.')
    ticket = max((Ticket.load(path.parent) for path in paths), key=lambda ticket: ticket.sparsity)
    words = shlex.split(commands.of_run(ticket.provenance.config | {'seed': 0}))
    found.setdefault(tuple(words), []).append(ticket)
  for words, tickets in found.items():
    yield Line(words, tuple(sorted(tickets, key=lambda ticket: ticket.provenance.config['seed'])))


def _file(ticket, side: int) -> bytes:
  """The ticket's network for images of another size, as a file that reads pixels from 0 to 1."""
  return mobile.encoded_ticket(ticket, mobile.resized(ticket, side), bool(ticket.cost.zeros), 'float16')


def _table(lines: Sequence[Line], files: Sequence[bytes], times, options: Options) -> Iterator[str]:
  first = lines[0].tickets[0]
  yield (
    f'{first.task.name}, {first.provenance.examples["test"]:,} pictures of the test, trained at {first.input_shape[0]} pixels.'
    ' Files are float16. Training is in 10^12 MACs.'
    + (f' Times are of LiteRT.js (wasm), medians of {options.rounds} rounds in turns, ms.' if times else '')
  )
  yield ''
  timed = ''.join(f' ms at {side} |' for side in times)
  yield f'| | seeds | validation | test | training | minutes | non-zero parameters | MACs | non-zero MACs | bytes | gzipped |{timed}'
  yield '|---' * (11 + len(times)) + '|'
  for index, (line, file) in enumerate(zip(lines, files)):
    taken = ''.join(f' {found[index]:.1f} |' for found in times.values())
    yield (
      f'| {index + 1} {_name(line)} | {len(line.tickets)} | {line.spread(lambda ticket: ticket.metrics["validation"]["top1"])}'
      f' | {line.spread(lambda ticket: ticket.metrics["test"]["top1"])}'
      f' | {line.mean(lambda ticket: ticket.provenance.all_training.macs) / 1e12:.2f}'
      f' | {line.mean(lambda ticket: ticket.provenance.seconds) / 60:.0f}'
      f' | {line.mean(lambda ticket: ticket.cost.nonzero_params) / 1e3:,.0f} k'
      f' | {line.mean(lambda ticket: ticket.cost.macs) / 1e6:.1f} M | {line.mean(lambda ticket: ticket.cost.nonzero_macs) / 1e6:.1f} M'
      f' | {len(file):,} | {len(gzip.compress(file)):,} |{taken}'
    )
  yield ''
  yield 'Commands, with `--seed=0` and further:'
  yield ''
  yield '```'
  for index, line in enumerate(lines):
    yield f'{index + 1}  {shlex.join(line.words)}'
  yield '```'


def _name(line: Line) -> str:
  """What a reader calls it."""
  ticket = line.tickets[0]
  config = ticket.provenance.config
  share = ticket.cost.macs / ticket.cost.supernet_macs
  what = {'supertickets': 'SuperTicket', 'dense': 'dense', 'search_only': 'narrower, dense', 'gmp': "tfmot's gradual pruning"}
  name = what.get(config['method'], config['method'])
  parts = [f'{share:.0%} of the MACs'] if share < 0.995 else []
  parts += [f'{ticket.sparsity:.0%} zeros'] if ticket.cost.zeros else []
  start = '' if config['weights'] not in ('', 'none') else f' {ticket.provenance.config["supernet"]} from scratch'
  return f'{name}{start}{": " if parts else ""}{", ".join(parts)}, {config["epochs"]} epochs'


if __name__ == '__main__':
  command.run(main)

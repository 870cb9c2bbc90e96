"""The mobile result: tickets against themselves stored dense, against the dense supernet and against MobileNets.

python benchmarks/mobile.py --tickets=FOLDER,... --dense=FOLDER --mobilenets=FOLDER,... --image_size=224 --out=docs/results/mobile/NAME.md

Folders of tickets, and of benchmarks/mobilenets.py. All files are float32 and timed in turns, in LiteRT.js.
"""

from collections.abc import Sequence
import dataclasses
import json
import pathlib
import shlex
import statistics

import commands
import numpy as np

from st_tf import command, quiet
from st_tf.config import flags


@dataclasses.dataclass(frozen=True)
class Options:
  """What to compare."""

  tickets: str = dataclasses.field(default='', metadata={'help': 'Folders of the tickets, with commas between them.'})
  dense: str = dataclasses.field(default='', metadata={'help': "Folder of the dense supernet's ticket."})
  mobilenets: str = dataclasses.field(default='', metadata={'help': 'Folders with MobileNets, with commas between them.'})
  image_size: int = dataclasses.field(default=224, metadata={'help': 'Side in pixels at which files are timed.'})
  rounds: int = dataclasses.field(default=25, metadata={'help': 'How often each file is timed.'})
  out: str = dataclasses.field(default='', metadata={'help': 'Markdown file to write.'})

  def __post_init__(self):
    if not (self.tickets and self.dense and self.out):
      raise flags.FlagError('--tickets, --dense and --out are needed. Received: not all of them. Give the missing ones.')
    if not pathlib.Path(self.out).parent.is_dir():
      raise flags.FlagError(f'--out is a file in an existing folder. Received: {self.out}. Create the folder first.')


@dataclasses.dataclass(frozen=True)
class Row:
  """One file of the table."""

  name: str
  epochs: float
  test: float
  macs: int
  nonzero_macs: int
  parameters: int
  content: bytes
  dense_of: int | None = None  # Index of the row that is the same network stored dense.


def main(argv: Sequence[str]) -> None:
  """Measures and writes the table."""
  options = flags.read_options(argv, Options, __doc__)
  with quiet.imports():
    from st_tf.ticket import Ticket
    from tflite.runtimes import wasm
  rows: list[Row] = []
  tickets = [Ticket.load(path) for path in options.tickets.split(',')]
  dense = Ticket.load(options.dense)
  for ticket in tickets:
    add_ticket(rows, ticket, options.image_size, _epochs(ticket, tickets, dense))
  rows.append(_dense(dense, options.image_size))
  rows += [_mobilenet(pathlib.Path(path), tickets[0], options.image_size) for path in filter(None, options.mobilenets.split(','))]
  image = np.random.default_rng(0).random((1, options.image_size, options.image_size, 3), np.float32)
  found = wasm.measure([row.content for row in rows], image, options.rounds)
  text = '\n'.join(_table(rows, found, tickets[0], options)) + '\n'
  print(text)
  pathlib.Path(options.out).write_text(text, encoding='utf-8')


def resized(ticket, side: int):
  """The ticket's model for images of another size."""
  from st_tf.arch.graph import Graph
  from st_tf.ticket import moving

  arch = moving.moved_graph(ticket.arch, ticket.head, ticket.head, (side, side)) if isinstance(ticket.arch, Graph) else ticket.arch
  return dataclasses.replace(ticket, arch=arch, input_shape=(side, side, 3)).build_model(raw=True)


def encoded(model, ticket) -> bytes:
  """A Keras model as it is, as a file that reads pixels from 0 to 1."""
  from tflite.deployment import normalisation_of, reading_units
  from tflite.file.encode import encode

  reading = reading_units(lambda image: model(image, training=False), normalisation_of(ticket))
  return encode(reading, model.input_shape[1:], variables=model.variables)


def encoded_ticket(ticket, model, sparse: bool, number_format: str = 'float32') -> bytes:
  """A ticket's model in its deployment form, as such a file."""
  from tflite.deployment import deployment, normalisation_of, reading_units
  from tflite.file.encode import encode

  network = deployment(model)
  reading = reading_units(network.function, normalisation_of(ticket))
  return encode(reading, model.input_shape[1:], number_format, sparse, variables=network.variables)


def add_ticket(rows: list[Row], ticket, side: int, epochs: float) -> None:
  """Adds the ticket, stored dense and sparse."""
  from st_tf.models import cost

  model = resized(ticket, side)
  found = cost.of(model, ticket.masks)
  searched = ', searched by latency' if ticket.provenance.latency is not None else ''
  tuned = ', trained further' if ticket.provenance.method == 'fine_tune' else ''
  facts = (epochs, ticket.metrics['test']['top1'], found.macs, found.nonzero_macs, found.nonzero_params)
  name = f'SuperTicket {ticket.sparsity:.0%}{searched}{tuned}'
  rows.append(Row(f'{name}, stored dense', *facts, encoded_ticket(ticket, model, False)))
  rows.append(Row(f'**{name}**', *facts, encoded_ticket(ticket, model, True), dense_of=len(rows) - 1))


def _epochs(ticket, tickets: Sequence, dense) -> float:
  """Passes over the training data until the ticket was cut, those of the ticket it was made of included."""
  source = ticket.provenance.source
  before = next((_epochs(other, tickets, dense) for other in tickets if other.fingerprint == source), None) if source else 0.0
  if before is None:
    raise flags.FlagError('The ticket that a tuned one was made of is among --tickets. Received: a tuned one without it. Add its folder.')
  images, whole = (each.provenance.steps * each.provenance.config['batch_size'] for each in (ticket, dense))
  return before + images / whole * dense.provenance.config['epochs']


def _dense(ticket, side: int) -> Row:
  from st_tf.models import cost

  model = resized(ticket, side)
  found = cost.of(model)
  content = encoded_ticket(ticket, model, False)
  return Row(
    'dense supernet', ticket.provenance.config['epochs'], ticket.metrics['test']['top1'], found.macs, found.macs, found.params, content
  )


def _mobilenet(folder: pathlib.Path, ticket, side: int) -> Row:
  from mobilenets import network

  from st_tf.models import cost, named_variables

  facts = json.loads((folder / 'result.json').read_text(encoding='utf-8'))
  model = network(facts['network'], facts['width'], side, len(ticket.task.labels))
  with np.load(folder / 'weights.npz') as weights:
    for name, variable in named_variables(model).items():
      variable.assign(weights[name])
  found = cost.of(model)
  name = {'mobilenet_v2': 'MobileNetV2'}.get(facts['network'], 'MobileNetV3Small minimalistic')
  return Row(
    f'{name} {facts["width"]:g}',
    facts['config']['epochs'],
    facts['test']['top1'],
    found.macs,
    found.macs,
    found.params,
    encoded(model, ticket),
  )


def _table(rows: Sequence[Row], found: Sequence, ticket, options: Options):
  from tflite.runtimes.measured import speedup

  yield (
    f'{ticket.task.name}, trained at {ticket.input_shape[0]} pixels, seed {ticket.provenance.config["seed"]}; timed at'
    f' {options.image_size} pixels in LiteRT.js (wasm), float32, medians of {options.rounds} rounds in turns.'
  )
  yield ''
  yield '| | epochs | test top-1 | MACs | non-zero MACs | non-zero parameters | bytes | of dense | ms | least to most | than stored dense |'
  yield '|---|---|---|---|---|---|---|---|---|---|---|'
  for row, times in zip(rows, found):
    share = faster = ''
    if row.dense_of is not None:
      share = f'{len(row.content) / len(rows[row.dense_of].content):.2f}'
      faster = f'{speedup(found[row.dense_of], times):.2f}x'
    yield (
      f'| {row.name} | {row.epochs:.1f} | {row.test:.1%} | {row.macs / 1e6:.1f} M | {row.nonzero_macs / 1e6:.1f} M | {row.parameters:,}'
      f' | {len(row.content):,} | {share} | {statistics.median(times.milliseconds):.2f}'
      f' | {min(times.milliseconds):.2f} to {max(times.milliseconds):.2f} | {faster} |'
    )
  yield ''
  yield 'Commands of the trainings:'
  yield ''
  yield '```'
  yield from dict.fromkeys(_command(path) for path in [*options.tickets.split(','), options.dense])
  for path in filter(None, options.mobilenets.split(',')):
    facts = json.loads((pathlib.Path(path) / 'result.json').read_text(encoding='utf-8'))
    given = {name: facts['config'][name] for name in ('task', 'image_size', 'epochs', 'batch_size', 'learning_rate', 'seed')}
    words = [
      f'--network={facts["network"]}',
      f'--width={facts["width"]:g}',
      *(f'--{name}={value}' for name, value in given.items() if value),
    ]
    yield shlex.join(['python', 'benchmarks/mobilenets.py', *words, '--workdir=FOLDER'])
  yield '```'


def _command(path: str) -> str:
  from st_tf.ticket import Ticket

  return commands.of_run(Ticket.load(path).provenance.config)


if __name__ == '__main__':
  command.run(main)

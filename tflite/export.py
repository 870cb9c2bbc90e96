"""Exports a ticket as a .tflite file for phones: python -m tflite.export --ticket=FOLDER [--format=float16] [--out=FILE]

The file reads pixels from 0 to 1. It is compared with the ticket's Keras model on real images, and scored, before it is put in its
place.
"""

from collections.abc import Sequence
import contextlib
import dataclasses
import gzip
import json
import pathlib
import sys
from typing import Any

import numpy as np

from st_tf import command, files, quiet, wording
from st_tf.config import flags, named_files
from st_tf.config.fields import check_all
from st_tf.errors import UserError
from st_tf.files import expanded
from st_tf.task import DataConfig
from tflite import exports
from tflite.file.formats import FORMATS, STORAGES, Format
from tflite.progress import stage

_CALIBRATION_IMAGES = 200


class ExportError(UserError):
  """A file that would not be what was asked for."""


@dataclasses.dataclass(frozen=True)
class Options:
  """What to export, how, and where to."""

  ticket: str = dataclasses.field(default='', metadata={'help': 'Folder of the ticket.'})
  format: str = dataclasses.field(
    default='float32', metadata={'help': 'Numbers in the file; it reads and gives float32.', 'choices': tuple(FORMATS)}
  )
  sparse: str = dataclasses.field(
    default='auto',
    metadata={
      'help': 'Whether kernels are stored without their zeros; auto = where that is faster: as measured, else as the doctor expects.',
      'choices': STORAGES,
    },
  )
  out: str = dataclasses.field(default='', metadata={'help': 'File to write; empty = TICKET/model_FORMAT.tflite.'})
  samples: int = dataclasses.field(default=32, metadata={'help': 'Validation images on which file and ticket are compared.'})
  task: str = dataclasses.field(
    default='', metadata={'help': "Task to take pictures from; empty = the ticket's own, which has to be named where it is module:PATH."}
  )

  def __post_init__(self):
    check_all(self)
    if not self.ticket:
      raise flags.FlagError('--ticket is needed. Received: none. Write --ticket=FOLDER.')
    if self.samples < 1:
      raise flags.FlagError(f'--samples is at least 1. Received: {self.samples}.')
    if not FORMATS[self.format].runs_sparsely and self.sparse == 'always':
      raise flags.FlagError(
        f'{self.format} is stored dense, since no runtime executes it sparsely. Received: --sparse=always. Leave it out.'
      )

  @property
  def path(self) -> pathlib.Path:
    """The file to write."""
    return expanded(self.out or pathlib.Path(self.ticket) / f'model_{self.format}.tflite')


def main(argv: Sequence[str]) -> None:
  """Runs the command."""
  options, given = flags.read_options_and_data(argv, Options, __doc__, DataConfig)
  named_files.check_ticket(options.ticket)
  with quiet.imports():
    from st_tf.ticket import Ticket
    from st_tf.ticket.task_of import task_of
  ticket = Ticket.load(options.ticket)
  check_place(options.path)
  with quiet.imports():
    task = task_of(ticket, given, options.task)
  facts = export(ticket, task, options)
  for line in lines(facts, options.path):
    print(line)
  tell_unseen(facts, options.sparse)
  written = exports.beside(options.path.parent, ticket.fingerprint)
  if len(written) > 1:
    print('\nfiles of this ticket', *exports.lines(written), sep='\n')


def tell_unseen(facts: exports.Exported, choice: str) -> None:
  """Says what could not be timed and why, and warns of a file that was made sparse against what is known.

  Args:
    facts: of the file.
    choice: one of `STORAGES`, as it was asked for.
  """
  from tflite.runtimes import wasm

  if facts.wasm_milliseconds is None and choice != 'never' and wasm.missing():
    print(f'time     not measured. {wasm.missing()}')
  if facts.sparse_verified is False and choice == 'always':
    print(f'warning: {facts.storage}', file=sys.stderr)


def export(ticket: Any, task: Any, options: Options) -> exports.Exported:
  """Writes the file and, beside it, what is known of it as JSON; returns the latter.

  Raises:
    ExportError: the file's outputs or scores differ too much from the ticket's; nothing is written then.
    UserError: the network has no form as such a file, or it cannot be written.
  """
  from st_tf.task.scoring import score
  from st_tf.ticket.task_of import renormalisation
  from tflite import convert, deployment, storage
  from tflite.file.encode import encode
  from tflite.file.runner import Runner
  from tflite.runtimes import wasm

  chosen, model = FORMATS[options.format], ticket.network
  network, to_units = deployment.of_ticket(ticket), deployment.normalisation_of(ticket).to_units
  as_trained = renormalisation(task, ticket.task)
  with stage('Reading pictures'):
    samples = as_trained(_images(task, 'validation', options.samples))
    calibration = to_units(as_trained(_images(task, 'train', _CALIBRATION_IMAGES))) if options.format == 'int8' else None
  timed = ', and timing it stored dense and sparse' if options.sparse == 'auto' and not wasm.missing() else ''
  with stage(f'Converting to {options.format}{timed}'):
    stored = storage.store(
      lambda sparse: encode(network.function, model.input_shape[1:], options.format, sparse, calibration, network.variables),
      options.format,
      options.sparse,
      to_units(samples[:4]),
      chosen.tolerance,
    )
  with stage("Comparing the file's outputs with the ticket's"):
    error = convert.difference(network.repeated(convert.outputs(model, samples)), stored.content, to_units(samples))
  _check_outputs(chosen, error, len(samples))
  metric, count = task.primary_metric, task.sizes['validation']
  with stage(f'Scoring the ticket on {count:,} validation images'):
    expected = score(lambda images: model(as_trained(images), training=False).numpy(), task, 'validation', 256).result()[metric]
  runner = Runner(stored.content)
  with stage(f'Scoring the file on {count:,} validation images'):
    reached = score(lambda images: network.single(runner(to_units(as_trained(images)))), task, 'validation', 256).result()[metric]
  _check_score(chosen, metric, reached, expected)
  content = _described(stored.content, ticket, network.repeats)
  facts = exports.Exported(
    ticket=ticket.fingerprint,
    format=options.format,
    sparse=stored.sparse,
    sparse_verified=stored.verified,
    storage=stored.reason,
    wasm_milliseconds=stored.milliseconds,
    graph=network.note,
    repeats=network.repeats,
    bytes=len(content),
    gzipped=len(gzip.compress(content, mtime=0)),
    lower_bound=_lower_bound(network.kernels, options.format),
    largest_difference=error,
    validation={metric: reached},
    ticket_validation={metric: expected},
  )
  _write(options.path, facts, content)
  return facts


def _write(path: pathlib.Path, facts: exports.Exported, content: bytes) -> None:
  from tflite import convert

  check_place(path)  # Minutes have passed.
  about = exports.facts_path(path)
  for file in (about, path):
    files.forget_unfinished(file)
  try:
    convert.replace(about, (json.dumps(dataclasses.asdict(facts), indent=1) + '\n').encode())
    convert.replace(path, content)
  except BaseException:
    if not path.exists():  # What is known of a file that is not there would keep the same command from writing it.
      with contextlib.suppress(OSError):
        about.unlink(missing_ok=True)
    raise


def _check_outputs(chosen: Format, error: float, count: int) -> None:
  if not error <= chosen.tolerance:  # Written so that NaN fails.
    raise ExportError(
      f'A {chosen.name} file gives the outputs of its ticket to {chosen.tolerance:g} of the largest. Received: {error:.3g} on'
      f' {count} images. Nothing was written. Use another --format.'
    )


def _check_score(chosen: Format, metric: str, reached: float, expected: float) -> None:
  if reached < expected - chosen.loss:
    raise ExportError(
      f'A {chosen.name} file loses at most {chosen.loss:.1%} of {metric}. Received: {reached:.1%}, where the ticket has {expected:.1%} on'
      ' the validation split. Nothing was written. Use another --format.'
    )


def check_place(path: pathlib.Path) -> None:
  """Raises ExportError where a file cannot be written, or would replace another."""
  if path.suffix != '.tflite':
    raise ExportError(f'--out is a .tflite file. Received: {path}. Write --out={path}.tflite.')
  if not path.parent.is_dir():
    raise ExportError(f'A file is written into an existing folder. Received: {path}. Create {path.parent} first.')
  there = [str(file) for file in (path, exports.facts_path(path)) if file.exists()]
  if there:
    verb, them = ('exists', 'it') if len(there) == 1 else ('exist', 'both')
    raise ExportError(
      f'An export overwrites nothing. Received: {" and ".join(there)}, which {verb}. Choose another --out, or remove {them}.'
    )


def lines(facts: exports.Exported, path: pathlib.Path) -> list[str]:
  """The facts for people."""
  from st_tf.wording import score, score_name, size

  (metric, reached), expected = next(iter(facts.validation.items())), next(iter(facts.ticket_validation.values()))
  return [
    f'file     {path}',
    f'size     {size(facts.bytes)}, {size(facts.gzipped)} gzipped; the least possible is {size(facts.lower_bound)}',
    f'storage  {facts.storage}',
    f'graph    {facts.graph}',
    f'outputs  differ from the ticket by at most {facts.largest_difference:.2g} of the largest',
    f'scores   {score_name(metric)} {score(metric, reached)} on the validation split; the ticket {score(metric, expected)}',
  ]


def _images(task: Any, split: str, count: int) -> np.ndarray:
  from st_tf.task.scoring import readable

  batches = readable(task.dataset(split, min(count, task.sizes[split])).as_numpy_iterator())
  return next(iter(batches))[0]


def _lower_bound(kernels: Sequence[np.ndarray], number_format: str) -> int:
  """Bytes of the non-zero values and of one bit per position."""
  width = {'float32': 4, 'float16': 2, 'int8': 1}[number_format]
  return sum(width * int(np.count_nonzero(kernel)) + -(-kernel.size // 8) for kernel in kernels)


def _described(content: bytes, ticket: Any, repeats: int) -> bytes:
  from tflite.file.metadata import Description, with_metadata

  task = wording.task_title(ticket.task.name)
  text = f'{task}, drawn as a SuperTicket at {ticket.sparsity:.0%} sparsity; fingerprint {ticket.fingerprint[:12]}.'
  if repeats > 1:
    text += f' Each pixel of the map comes {repeats}x{repeats} times.'
  return with_metadata(content, Description(f'SuperTicket for {task}', text, ticket.input_shape[:2], ticket.task.labels, ticket.kind))


if __name__ == '__main__':
  command.run(main)

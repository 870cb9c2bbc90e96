"""What becomes of a drawn ticket: its test score, its TFLite file, its report. Each step skips itself when done."""

from collections.abc import Sequence
import pathlib
import sys

from st_tf import report
from st_tf.errors import UserError
from st_tf.files import write_text
from st_tf.report import model_card
from st_tf.report.samples import collect
from st_tf.runs.workdir import Workdir
from st_tf.task import Task, confidence, confusion, mistakes
from st_tf.task.baselines import Baselines
from st_tf.task.scoring import readable, score
from st_tf.ticket import MODEL, Ticket, TicketError
from tflite import export, exports
from tflite.convert import convert
from tflite.deployment import of_ticket
from tflite.file.encode import encode
from tflite.file.metadata import Description

CARD = 'README.md'
REPORT, WRONG = 'report', 'wrong.csv'
_SHOWN_PARTS = 3
_CHECKED_IMAGES = 16


def deliver(
  paths: Sequence[pathlib.Path],
  task: Task,
  workdir: Workdir,
  batch_size: int,
  simple: Baselines | None = None,
  formats: Sequence[str] = (),
) -> list[Ticket]:
  """Scores the tickets of a run on the test split, once; writes their model files, reports and cards.

  Args:
    paths: the tickets' folders.
    task: what they were drawn for.
    workdir: the run's folder.
    batch_size: images per step of the scoring.
    simple: what they have to beat; None = it is fitted here.
    formats: of files for phones, beside the one whose rounding the training saw.

  Returns:
    The tickets with their test scores.

  Raises:
    TicketError: a ticket or what belongs to it cannot be written; the command can be given again.
  """
  simple = simple or Baselines(task)
  try:
    tickets = [scored(path, task, batch_size, simple) for path in paths]
    for path, ticket in zip(paths, tickets):
      _describe(path, ticket, tickets, task, workdir, formats)
  except OSError as error:
    raise TicketError(f'A ticket can be written. Received: {error}. Make room and give the same command again.') from error
  return tickets


def scored(path: pathlib.Path, task: Task, batch_size: int, simple: Baselines | None = None) -> Ticket:
  """The ticket at `path` with its score on the test split, beside what it has to beat, taken once and written down.

  Raises:
    TicketError: no ticket is there.
    OSError: it cannot be written.
  """
  ticket = Ticket.load(path)
  if 'test' in ticket.metrics:
    return ticket
  named = task.semantics['kind'] == 'classification' and bool(task.names('test'))
  metrics = mistakes.Mistakes(task) if named else task.metrics()
  score(lambda images: ticket.network(images, training=False).numpy(), task, 'test', batch_size, metrics)
  ticket.metrics.update(test=metrics.result(), per_class=metrics.per_class())  # Its own: it was just read.
  sure = metrics.interval(task.pictures('test'))
  if sure:
    ticket.metrics[confidence.INTERVALS] = {**ticket.metrics.get(confidence.INTERVALS, {}), 'test': confidence.written(sure)}
  confused = confusion.kept(metrics.confusion(), len(task.labels))
  ticket.metrics.update({'confusion': confused} if confused else {})
  simple = simple or Baselines(task)
  ticket.metrics['baselines'] = {split: simple.scores(split) for split in ('validation', 'test')}
  ticket.metrics[confidence.OF_BASELINES] = {
    split: {name: confidence.written(found) for name, found in simple.intervals(split).items()} for split in ('validation', 'test')
  }
  if named:
    (path / REPORT).mkdir(exist_ok=True)
    mistakes.write(path / REPORT / WRONG, metrics.found(_short(task.names('test'))))
  ticket.save(path)
  return ticket


def _short(names: Sequence[str]) -> list[str]:
  """Names of files from their splits on: a report goes to others, whom folders of this machine say nothing."""
  return ['/'.join(pathlib.PurePath(name).parts[-_SHOWN_PARTS:]) for name in names]


def stored_bytes(ticket: Ticket) -> int:
  """Size of the ticket's .tflite file, kernels stored without their zeros."""
  network = of_ticket(ticket)
  return len(encode(network.function, ticket.input_shape, sparse=bool(ticket.masks), variables=network.variables))


def _describe(path: pathlib.Path, ticket: Ticket, tickets: Sequence[Ticket], task: Task, workdir: Workdir, formats: Sequence[str]) -> None:
  if not (path / MODEL).exists():
    images, _ = next(readable(task.dataset('validation', _CHECKED_IMAGES).as_numpy_iterator()))
    convert(ticket.network, images, path / MODEL, about=_about(ticket))
  trained = ticket.provenance.config.get('quantize')
  for number_format in dict.fromkeys([*([trained] if trained else []), *formats]):
    _export(path, ticket, task, number_format)
  written = exports.beside(path, ticket.fingerprint)
  files = exports.rows(written[::-1]) if written else ()  # The smallest is the one to ship.
  report.write(
    path / REPORT,
    ticket,
    workdir.history.rows(),
    collect(task, ticket.network),
    tickets,
    model_file=path / MODEL,
    exports=files,
    wrong=mistakes.read(path / REPORT / WRONG),
  )
  write_text(path / CARD, model_card.text(ticket, files))


def _about(ticket: Ticket) -> Description:
  """What the file of the network as it was trained says of itself."""
  pixels = ticket.task.normalisation
  mean, deviation = ([255 * value for value in values] for values in (pixels.mean, pixels.deviation))
  text = 'The network as it was trained, to check with.'
  return Description(ticket.task.name, text, ticket.input_shape[:2], ticket.task.labels, ticket.kind, mean, deviation)


def _export(path: pathlib.Path, ticket: Ticket, task: Task, number_format: str) -> None:
  """Writes a file for phones that is not there yet; says so where it cannot be."""
  options = export.Options(ticket=str(path), format=number_format)
  if options.path.exists():
    return
  exports.facts_path(options.path).unlink(missing_ok=True)  # Written first; an earlier process may have ended between the two.
  try:
    export.export(ticket, task, options)
  except UserError as error:
    print(f'warning: no {number_format} file was written. {error}', file=sys.stderr)

"""Writes an Android app with a ticket in it: python -m tflite.android --ticket=FOLDER --out=FOLDER [--format=float16]

A Gradle project in Kotlin that says what is in a picture from camera or gallery, or draws the labels of its pixels or the skeleton
over it; its README.md says how to build it. The model is exported as python -m tflite.export does it, or, with --model=FILE, taken as
it is, which needs no data.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import pathlib
import re
import tempfile
from typing import Any

from st_tf import command, quiet
from st_tf.config import flags, named_files
from st_tf.files import expanded
from st_tf.task import DataConfig
from st_tf.wording import shown_path
from tflite import export, exports
from tflite.android import written

_APPLICATION_ID = re.compile(r'[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+')
_EXPORTED = ('format', 'sparse')


def _as_exported(name: str, default: str = '') -> Any:
  option = {field.name: field for field in dataclasses.fields(export.Options)}[name]
  return dataclasses.field(default=default or option.default, metadata=option.metadata)


@dataclasses.dataclass(frozen=True)
class Options:
  """What to make an app of, and where to put it."""

  ticket: str = dataclasses.field(default='', metadata={'help': 'Folder of the ticket.'})
  out: str = dataclasses.field(
    default='', metadata={'help': 'Folder to write; one that this command wrote, and nobody has changed, is replaced.'}
  )
  model: str = dataclasses.field(
    default='', metadata={'help': 'A .tflite file of the ticket to be taken as it is; empty = TICKET/model_FORMAT.tflite, or a new export.'}
  )
  task: str = dataclasses.field(
    default='', metadata={'help': "Task to take pictures from; empty = the ticket's own, which has to be named where it is module:PATH."}
  )
  application_id: str = dataclasses.field(
    default='org.supertickets.app', metadata={'help': 'What sets the app apart from all others on a phone.'}
  )

  def __post_init__(self):
    for name in ('ticket', 'out'):
      if not getattr(self, name):
        raise flags.FlagError(f'--ticket and --out are both needed. Received: no --{name}. Write --ticket=FOLDER --out=FOLDER.')
    if not _APPLICATION_ID.fullmatch(self.application_id):
      raise flags.FlagError(
        '--application_id is two or more words of letters, digits and _, each beginning with a letter, with dots between them.'
        f' Received: {self.application_id!r}. Write for example --application_id=com.example.birds.'
      )

  @property
  def path(self) -> pathlib.Path:
    """The folder to write."""
    return expanded(self.out)


@dataclasses.dataclass(frozen=True)
class Making(DataConfig):
  """How a model is made from the ticket and its data."""

  format: str = _as_exported('format', 'float16')
  sparse: str = _as_exported('sparse')


def main(argv: Sequence[str]) -> None:
  """Runs the command."""
  options, given = flags.read_options_and_data(argv, Options, __doc__, Making)
  if options.model and given:
    raise flags.FlagError(f'A --model is taken as it is. Received: --{next(iter(given))} too. Leave one of them out.')
  made = {name: given.pop(name, field.default) for name, field in Making.__dataclass_fields__.items() if name in _EXPORTED}
  how = export.Options(ticket=options.ticket, task=options.task, **made)
  written.check(options.path)
  named_files.check_ticket(options.ticket)
  named_files.check_file(options.model)
  with quiet.imports():
    from st_tf.ticket import Ticket
    from tflite.android import given as given_file
    from tflite.android import template
  ticket = Ticket.load(options.ticket)
  template.check(ticket)
  # What lies there was made as nobody asks it to be made otherwise.
  facts = exports.known(how.path, ticket.fingerprint) if not (options.model or how.sparse != export.Options.sparse or given) else None
  if options.model or facts:
    taken = expanded(options.model) if options.model else how.path
    content, repeats = given_file.model(taken, ticket)
    print(f'file     {shown_path(taken)}, as it is')
  else:
    content, facts = _exported(ticket, given, how)
    repeats = facts['repeats']
    written.check(options.path)  # Minutes have passed.
  template.write(options.path, ticket, content, facts, options.application_id, repeats)
  print(f'project  {shown_path(options.path)}; its README.md says how to build it')


def _exported(ticket: Any, given: Mapping[str, Any], how: export.Options) -> tuple[bytes, dict[str, Any]]:
  """(a verified file, what is known of it); says the latter."""
  with quiet.imports():
    from st_tf.ticket.task_of import task_of

    task = task_of(ticket, given, how.task)
  with tempfile.TemporaryDirectory() as folder:
    file = dataclasses.replace(how, out=str(pathlib.Path(folder) / 'model.tflite'))
    facts = export.export(ticket, task, file)
    content = file.path.read_bytes()
  print('\n'.join(export.lines(facts, file.path)[1:]))
  export.tell_unseen(facts, how.sparse)
  return content, dataclasses.asdict(facts)


if __name__ == '__main__':
  command.run(main)

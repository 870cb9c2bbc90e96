"""What a phone needs beside a ticket's file: whether it runs sparsely there, and an app with it."""

from collections.abc import Iterator
import pathlib

from st_tf.errors import UserError
from st_tf.ticket import Ticket
from st_tf.wording import shown_path
from tflite import doctor, export, exports
from tflite.android import given, template, written
from tflite.file import flat, sparse_rules

FORMAT = 'float16'
_APP = 'android'


def ship(path: pathlib.Path, ticket: Ticket) -> Iterator[str]:
  """Looks at the file for phones of a ticket and puts an app beside it, unless one is there; what came of it, in lines.

  Args:
    path: the ticket's folder, with its file.
    ticket: it.
  """
  file = export.Options(ticket=str(path), format=FORMAT).path
  if not file.is_file():
    yield f'  {FORMAT:<10}  no such file was written, and so no app'
    return
  content, facts = file.read_bytes(), exports.known(file, ticket.fingerprint)
  first, *others = doctor.lines(sparse_rules.diagnose(flat.read(content, str(file))))
  yield f'  on phones   {first}'
  yield from (f'            {line}' for line in others)
  if facts and not facts['wasm_milliseconds']:
    yield f'              {facts["storage"]}'
  app = path / _APP
  try:
    content, repeats = given.model(file, ticket)
    if not app.exists() or (app / template.MODEL).read_bytes() != content:
      written.check(app)
      template.check(ticket)
      template.write(app, ticket, content, facts or None, repeats=repeats)
  except (UserError, OSError) as error:
    yield f'  app         {"that of another file" if app.exists() else "none"}. {error}'
    return
  yield f'  app         {shown_path(app)}; its README.md says how to build it'

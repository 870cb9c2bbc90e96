"""What a phone needs beside a ticket's file: whether it runs sparsely there, and an app with it."""

from collections.abc import Iterator, Mapping
import pathlib
from typing import Any

from st_tf import plain
from st_tf.errors import UserError
from st_tf.ticket import Ticket
from st_tf.wording import shown_path
from tflite import doctor, export, exports, storage
from tflite.android import given, template, written
from tflite.file import flat, sparse_rules
from tflite.runtimes import wasm

FORMAT = 'float16'
_APP = 'android'


def ship(path: pathlib.Path, ticket: Ticket) -> Iterator[str]:
  """Looks at the file for phones of a ticket and puts an app beside it; what came of it, in lines.

  An app that was put there before follows the file; one that was made otherwise stays.

  Args:
    path: the ticket's folder, with its file.
    ticket: it.
  """
  file = export.Options(ticket=str(path), format=FORMAT).path
  if not file.is_file():
    yield f'  {FORMAT:<10}  no such file was written, and so no app'
    return
  facts = exports.known(file, ticket.fingerprint)
  try:
    first, *others = doctor.lines(sparse_rules.diagnose(flat.read(file.read_bytes(), str(file))))
  except (UserError, OSError) as error:
    yield f'  on phones   not known, and no app is written. {error} {_again("To write it anew", file)}'
    return
  yield f'  on phones   {first}'
  if not facts or facts['sparse']:  # Of a file that is dense with reason, the reason follows.
    yield from (f'            {line}' for line in others)
  if facts:
    way = f'. {wasm.missing() or _again("To time it", file)}' if storage.UNTIMED in facts['storage'] else ''
    yield f'              {facts["storage"]}{way}'
  yield f'  app         {_app(path / _APP, file, ticket, facts)}'


def _again(what: str, file: pathlib.Path) -> str:
  return f'{what}, remove {shown_path(file)} and {shown_path(exports.facts_path(file))}, and give the same command.'


def _app(app: pathlib.Path, file: pathlib.Path, ticket: Ticket, facts: Mapping[str, Any]) -> str:
  """Puts the app in its place, or renews it; what came of it."""
  made, is_there = f'python -m tflite.android --ticket={shown_path(file.parent)} --out=FOLDER', app.exists()
  there = f'{shown_path(app)}; its README.md says how to build it'
  try:
    content, repeats = given.model(file, ticket)
    held = app / template.MODEL
    same = held.is_file() and held.read_bytes() == content
    if same and (not facts or not _is_own(app) or plain.read(app / template.FACTS) == facts):
      return there
    written.check(app, f'Make one elsewhere, by {made}')
    if is_there and not _is_own(app):
      return f'{shown_path(app)} stays, which was made otherwise and of another file. One of this file: {made}'
    template.check(ticket)
    template.write(app, ticket, content, facts or None, repeats=repeats)
  except (UserError, OSError) as error:
    return f'{"not renewed" if is_there else "none"}. {error}'
  return f'{there}{". It was renewed, with the file and what is known of it" if is_there else ""}'


def _is_own(app: pathlib.Path) -> bool:
  """Whether a project is as `ship` makes it: of a file of its format, under the usual name."""
  try:
    kind = plain.read(app / template.FACTS)['format']
    return kind == FORMAT and template.APPLICATION_ID in (app / template.BUILD).read_text(encoding='utf-8')
  except (OSError, ValueError, KeyError, TypeError):
    return False

"""The Gradle project of the app, filled with a ticket: model, what its metadata cannot say, and golden vectors for its tests."""

from collections.abc import Mapping
import json
import pathlib
import shutil
from typing import Any

from st_tf import files
from st_tf.errors import UserError
from st_tf.ticket import Ticket
from tflite import vectors

MODEL = 'app/src/main/assets/model.tflite'
ABOUT = 'app/src/main/assets/model.properties'
FACTS = 'model.export.json'
VECTORS = 'app/src/test/resources'
_PROJECT = pathlib.Path(__file__).with_name('project')
# What Gradle and Android Studio leave where somebody has opened the template itself.
_MADE = shutil.ignore_patterns('.gradle', '.idea', '.kotlin', 'build', 'local.properties')
_BUILD = 'app/build.gradle.kts'
_APPLICATION_ID = 'applicationId = "org.supertickets.classifier"'


def write(path: pathlib.Path, ticket: Ticket, model: bytes, facts: Mapping[str, Any] | None = None, application_id: str = '') -> None:
  """Writes the project into the new folder `path`, whole or not at all.

  Args:
    path: of a folder that is not there yet.
    ticket: of classification.
    model: its .tflite file, with labels.
    facts: what the export knows of the file; None where it was made elsewhere.
    application_id: of the app; '' = the template's.

  Raises:
    UserError: the folder cannot be written.
  """

  def fill(folder: pathlib.Path) -> None:
    shutil.copytree(_PROJECT, folder, ignore=_MADE, copy_function=shutil.copyfile, dirs_exist_ok=True)
    contents = {MODEL: model, ABOUT: _properties(about(ticket)).encode()}
    contents |= {f'{VECTORS}/{name}.txt': text.encode() for name, text in (('crops', vectors.crops()), ('guesses', vectors.guesses()))}
    contents |= {FACTS: (json.dumps(facts, indent=1) + '\n').encode()} if facts else {}
    for name, content in contents.items():
      (folder / name).parent.mkdir(parents=True, exist_ok=True)
      (folder / name).write_bytes(content)
    if application_id:
      build = (folder / _BUILD).read_text(encoding='utf-8')
      (folder / _BUILD).write_text(build.replace(_APPLICATION_ID, f'applicationId = "{application_id}"'), encoding='utf-8')

  try:
    files.write_folder(path, fill)
  except OSError as error:
    raise UserError(
      f'A project is written to {path}. Received: {error.strerror or error}. Free some space or choose another folder.'
    ) from error


def about(ticket: Ticket) -> dict[str, str]:
  """What the app wants to know of its model that the file does not say."""
  name = ticket.task.name
  return {
    'name': f'SuperTicket for {name}',
    'description': f'{name}, drawn as a SuperTicket at {ticket.sparsity:.0%} sparsity',
    'fingerprint': ticket.fingerprint,
    'keep': repr(float(ticket.task.keep)),
  }


def _properties(entries: Mapping[str, str]) -> str:
  """As `java.util.Properties` reads it: a backslash stands for itself only when it is doubled."""
  escaped = {key: value.replace('\\', '\\\\').replace('\n', '\\n').replace('\r', '\\r') for key, value in entries.items()}
  return ''.join(f'{key}={value}\n' for key, value in escaped.items())

"""The Gradle project of the app, filled with a ticket: model, what its metadata cannot say, and golden vectors for its tests."""

from collections.abc import Mapping
import json
import pathlib
import re
import shutil
from typing import Any

from st_tf import files, wording
from st_tf.errors import UserError
from st_tf.ticket import Ticket
from tflite import vectors
from tflite.android import written

MODEL = 'app/src/main/assets/model.tflite'
ABOUT = 'app/src/main/assets/model.properties'
FACTS = 'model.export.json'
VECTORS = 'app/src/test/resources'
# What is shown, and the head that gives it.
_HEADS = {'classification': 'classification', 'segmentation': 'dense', 'keypoints': 'dense'}
_PROJECT = pathlib.Path(__file__).with_name('project')
# What Gradle and Android Studio leave where somebody has opened the template itself.
_MADE = shutil.ignore_patterns('.gradle', '.idea', '.kotlin', 'build', 'local.properties')
BUILD = 'app/build.gradle.kts'
APPLICATION_ID = 'applicationId = "org.supertickets.app"'


def write(
  path: pathlib.Path,
  ticket: Ticket,
  model: bytes,
  facts: Mapping[str, Any] | None = None,
  application_id: str = '',
  repeats: int = 1,
) -> None:
  """Writes the project into the folder `path`, whole or not at all, in the place of one that `written.check` lets through.

  Args:
    path: of the folder.
    ticket: one that `check` lets through.
    model: its .tflite file, with labels.
    facts: what the export knows of the file; None where it was made elsewhere.
    application_id: of the app; '' = the template's.
    repeats: how often the file gives each place of a map, per direction.

  Raises:
    UserError: the folder cannot be written.
  """

  def fill(folder: pathlib.Path) -> None:
    shutil.copytree(_PROJECT, folder, ignore=_MADE, copy_function=shutil.copyfile, dirs_exist_ok=True)
    contents = {MODEL: model, ABOUT: _properties(about(ticket, repeats)).encode()}
    golden = {'crops': vectors.crops(), 'guesses': vectors.guesses(), 'maps': vectors.maps()}
    contents |= {f'{VECTORS}/{name}.txt': text.encode() for name, text in golden.items()}
    contents |= {FACTS: (json.dumps(facts, indent=1) + '\n').encode()} if facts else {}
    for name, content in contents.items():
      (folder / name).parent.mkdir(parents=True, exist_ok=True)
      (folder / name).write_bytes(content)
    if application_id:
      build = (folder / BUILD).read_text(encoding='utf-8')
      (folder / BUILD).write_text(build.replace(APPLICATION_ID, f'applicationId = "{application_id}"'), encoding='utf-8')

    for name in written.KEPT:
      if (path / name).is_dir():
        shutil.copytree(path / name, folder / name, symlinks=True)
      elif (path / name).is_file():
        shutil.copyfile(path / name, folder / name)
    written.record(folder)

  try:
    files.write_folder(path, fill)
  except OSError as error:
    raise UserError(
      f'A project is written to {path}. Received: {error.strerror or error}. Free some space or choose another folder.'
    ) from error


def check(ticket: Ticket) -> None:
  """Whether the app can show what the ticket says.

  Raises:
    UserError: its kind is none of those that are shown, or it does not say what is drawn of its maps.
  """
  kind, outputs, semantics = ticket.kind, len(ticket.task.labels), ticket.task.semantics
  if kind not in _HEADS:
    raise UserError(f'The app shows {", ".join(_HEADS)}. Received: a ticket for {kind}. Use another ticket, or a newer program.')
  if ticket.head.kind != _HEADS[kind]:
    raise UserError(f'A ticket for {kind} has a {_HEADS[kind]} head. Received: a {ticket.head.kind} one. Draw the ticket again.')
  if kind == 'classification':
    return
  colours = semantics.get('colours', [])
  if len(colours) != outputs or not all(re.fullmatch('#[0-9a-fA-F]{6}', str(colour)) for colour in colours):
    raise UserError(f'A ticket for {kind} has a colour for each of its {outputs} labels. Received: {colours!r:.80}. Draw the ticket again.')
  for limb in semantics.get('skeleton', []):
    if len(limb) != 2 or not all(joint in range(outputs) for joint in limb):
      raise UserError(f"A ticket's skeleton connects two of its {outputs} joints, from 0 on. Received: {limb}. Draw the ticket again.")


def about(ticket: Ticket, repeats: int = 1) -> dict[str, str]:
  """What the app wants to know of its model that the file does not say.

  Args:
    ticket: the ticket.
    repeats: how often the file gives each place of a map, per direction.
  """
  task, semantics = ticket.task, ticket.task.semantics
  title = wording.task_title(task.name)
  return {
    'name': f'SuperTicket for {title}',
    'description': f'{title}, drawn as a SuperTicket at {ticket.sparsity:.0%} sparsity',
    'fingerprint': ticket.fingerprint,
    'keep': repr(float(task.keep)),
    'kind': ticket.kind,
    'repeats': str(repeats),
    'colours': ','.join(semantics.get('colours', [])),
    'skeleton': ','.join('-'.join(map(str, limb)) for limb in semantics.get('skeleton', [])),
  }


def _properties(entries: Mapping[str, str]) -> str:
  """As `java.util.Properties` reads it: a backslash stands for itself only when it is doubled."""
  escaped = {key: value.replace('\\', '\\\\').replace('\n', '\\n').replace('\r', '\\r') for key, value in entries.items()}
  return ''.join(f'{key}={value}\n' for key, value in escaped.items())

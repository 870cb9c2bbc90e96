"""Settings that may name a file or a ticket: two runs are alike where what is in it is, wherever it lies."""

from collections.abc import Mapping
import contextlib
import hashlib
import os
import pathlib
import re
from typing import Any

from st_tf import files, plain
from st_tf.arch.latency import PREFIX
from st_tf.arch.presets import FAMILIES, KERAS, PRESETS
from st_tf.errors import UserError, did_you_mean
from st_tf.files import expanded

SETTINGS = ('supernet', 'cost', 'class_names', 'detections', 'init_from', 'weights', 'teacher', 'source')
_OF_FAMILIES = ('imagenet', 'none')  # As weights: those that a family brings.
START = 'start'  # As a teacher: the network as it came.
OF_SPARSITY = 'sparsity_'  # How the folders of a run's tickets begin.
TICKET = 'ticket.json'  # Of a folder with a ticket, the file that has its fingerprint.
_PORTABLE = re.compile('#([0-9a-f]{16})$')
_DIGITS = 16


def digest(setting: str, text: str) -> str:
  """Of what is in the file, or was in it where `portable` has written the text; empty where it names none.

  Of a ticket it is the fingerprint, which changes with architecture, mask and weights and not with later scores.

  Args:
    setting: one of `SETTINGS`.
    text: its value.

  Raises:
    UserError: the file is there and cannot be read.
  """
  written = _PORTABLE.search(text)
  if written:
    return written[1]
  name = _file_of(setting, text)
  if not name:
    return ''
  path = expanded(name)
  try:
    if setting in ('init_from', 'teacher', 'source') and os.path.isfile(path / TICKET):
      return _fingerprint(path / TICKET)
    # Not of pathlib, which a long name is too much for.
    return _of_bytes(path) if os.path.isfile(path) else ''
  except OSError as error:
    raise UserError(f'--{setting} names a file that can be read. Received: {text} ({error}). Name another, or make it readable.') from error


def check_there(settings: Mapping[str, Any]) -> None:
  """Refuses settings that name a file or a folder where there is none, before anything is loaded.

  Args:
    settings: by name.

  Raises:
    UserError: naming the first.
  """
  for setting in sorted({*SETTINGS} - {'supernet'}):  # Which is looked for with all other supernets.
    name = _file_of(setting, settings[setting])
    if name and not _PORTABLE.search(name) and not os.path.exists(os.path.expanduser(name)):
      path = os.path.abspath(os.path.expanduser(name))
      received = settings[setting] if settings[setting] == path else f'{settings[setting]}, which is {path}'
      hint = did_you_mean(name, _OF_FAMILIES) if setting == 'weights' else ''
      raise UserError(f'--{setting} names a file that is there. Received: {received}.{hint or " Correct the path."}')


def _file_of(setting: str, text: str) -> str:
  """The file or folder that a setting names; empty where it names none."""
  names_none = {
    'cost': not text.startswith(PREFIX),
    'class_names': ',' in text,
    'supernet': text in PRESETS or text.partition(':')[0] in FAMILIES,
    'weights': text in _OF_FAMILIES,
    'teacher': text == START,
  }
  return '' if names_none.get(setting) else text.removeprefix(PREFIX).removeprefix(KERAS)


def check_ticket(path: str) -> None:
  """Refuses a folder without a ticket, before anything is loaded that could read one; '' is none.

  Args:
    path: the folder.

  Raises:
    UserError: no ticket is there.
  """
  missing = missing_ticket(path) if path else ''
  if missing:
    raise UserError(missing)


def check_file(path: str) -> None:
  """Refuses a .tflite file that is not there, before anything is loaded that could read one; '' is none.

  Args:
    path: the file.

  Raises:
    UserError: no such file.
  """
  missing = missing_file(path) if path else ''
  if missing:
    raise UserError(missing)


def missing_ticket(path: str | os.PathLike) -> str:
  """Why there is no ticket in a folder; empty where one is. Puts back one whose replacement a death has interrupted."""
  folder = os.path.expanduser(path)
  # A reader may lack the right to, and then finds no ticket.
  with contextlib.suppress(OSError):
    files.put_back(pathlib.Path(folder))
  if os.path.isfile(os.path.join(folder, TICKET)):
    return ''
  missing = '' if os.path.exists(folder) else ', which does not exist'
  found = sorted(pathlib.Path(folder).glob(f'tickets/*/{TICKET}')) if os.path.isdir(folder) else []
  nearby = f' Did you mean {found[-1].parent}?' if found else ''
  return f'A ticket is a folder with {TICKET}. Received: {path}{missing}.{nearby}'


def ticket_in(path: str, sparsity: float | None = None) -> str:
  """The folder of the ticket that a folder is, or that a run in it has.

  Args:
    path: of the ticket or of the run.
    sparsity: of the run's ticket; None = it has one.

  Raises:
    UserError: there is none, or a run has others.
  """
  missing = missing_ticket(path)
  if not missing:
    return path
  found = {folder.parent.name.removeprefix(OF_SPARSITY): str(folder.parent) for folder in expanded(path).glob(f'tickets/*/{TICKET}')}
  if not found:
    raise UserError(missing)
  wanted = f'{sparsity:g}' if sparsity is not None else next(iter(found), '') if len(found) == 1 else ''
  if wanted not in found:
    asked = f'--sparsity={wanted}' if wanted else 'no --sparsity'
    raise UserError(
      f"A run's ticket is named by its sparsity. Received: {asked}, of {path}, which has {', '.join(sorted(found))}."
      ' Write one of them, or name the folder of the ticket itself.'
    )
  return found[wanted]


def check_source(path: str, sparsity: float | None, says_target: bool) -> None:
  """Refuses a stretching without its ticket, or to nowhere, before anything is loaded that could read one.

  Args:
    path: of the ticket, or of a run.
    sparsity: of the run's ticket; None = it has one.
    says_target: whether settings say what becomes of it.

  Raises:
    UserError: there is no such ticket, or no setting says it.
  """
  if not path:
    raise UserError('--method=elastic stretches or squeezes a ticket. Received: no --source. Write --source=FOLDER.')
  ticket_in(path, sparsity)
  if not says_target:
    raise UserError(
      '--method=elastic makes a network of another depth. Received: no depth. Write --target_depth=NUMBER, --block_map=MAP, or the network'
      ' by --supernet.'
    )


def missing_file(path: str | os.PathLike) -> str:
  """Why there is no .tflite file; empty where something is."""
  try:
    os.stat(os.path.expanduser(path))
  except (OSError, ValueError) as error:
    return unreadable(path, error)
  return ''


def unreadable(path: str | os.PathLike, error: OSError | ValueError) -> str:
  """Why a .tflite file cannot be read, in words."""
  received = f'{path} ({error.strerror})' if isinstance(error, OSError) else f'{str(path)!r} ({error})'  # A zero in the path.
  return f'A .tflite file is a file that can be read. Received: {received}.'


def portable(text: str, digest: str) -> str:
  """The value of a setting with the name of its file and a digest of what is in it, instead of where it lies."""
  prefix = next((kind for kind in (PREFIX, KERAS) if text.startswith(kind)), '')
  name = pathlib.Path(_PORTABLE.sub('', text.removeprefix(prefix))).name
  return f'{prefix}{name}#{digest}'


def check_portable(settings: Mapping[str, Any]) -> None:
  """Refuses settings that name a file by its place, as those that `portable` has written never do.

  Args:
    settings: by name.

  Raises:
    ValueError: naming the first.
  """
  for setting in sorted(SETTINGS):
    name = _file_of(setting, settings[setting])
    if name.startswith('~') or os.path.basename(name) != name:
      raise ValueError(f'{setting} is {settings[setting]!r:.60}, a place on some machine')


def without_folder(text: str) -> str:
  """The value of a setting, of a file with its whole path the name only: 'latency:table.json'."""
  if pathlib.Path(text).is_absolute():
    return pathlib.Path(text).name
  kind, colon, path = text.partition(':')
  return f'{kind}{colon}{pathlib.Path(path).name}' if pathlib.Path(path).is_absolute() else text


def _fingerprint(path: pathlib.Path) -> str:
  """Of a damaged ticket, which is refused where it is loaded, that of its bytes."""
  try:
    return str(plain.read(path)['fingerprint'])[:_DIGITS]
  except (ValueError, KeyError, TypeError):
    return _of_bytes(path)


def _of_bytes(path: pathlib.Path) -> str:
  return hashlib.sha256(path.read_bytes()).hexdigest()[:_DIGITS]

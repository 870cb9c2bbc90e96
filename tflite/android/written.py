"""What was written into a project, so that it can be told from what somebody has made of it since."""

import hashlib
import json
import pathlib

from st_tf import plain
from st_tf.errors import UserError

RECORD = '.supertickets.json'
KEPT = ('local.properties', '.idea')  # Of this machine; a project that is replaced keeps them.
_MADE = frozenset({*KEPT, '.gradle', '.kotlin', 'build', '.DS_Store'})  # What Gradle, Android Studio and systems leave there.
_SHOWN = 3


def record(folder: pathlib.Path) -> None:
  """Notes what is in a project that was just written.

  Raises:
    OSError: it cannot be written.
  """
  (folder / RECORD).write_text(json.dumps(plain.sealed(_digests(folder)), indent=1) + '\n', encoding='utf-8')


def check(path: pathlib.Path, instead: str = 'Choose another --out') -> None:
  """Refuses a place whose project would take something away that somebody else has put there.

  Args:
    path: of the project, which may be there as it was written.
    instead: what the caller can do to leave it alone.

  Raises:
    UserError: something else is there, or a project that was changed since.
  """
  if path.is_symlink() or (path.exists() and not (path / RECORD).is_file()):
    raise UserError(
      f'A project replaces nothing but one that this command wrote. Received: {path}, which exists and is none, or of an earlier version.'
      f' {instead}, or remove it.'
    )
  if not path.exists():
    if not path.parent.is_dir():
      raise UserError(f'A project is written into an existing folder. Received: {path}. Create {path.parent} first.')
    return
  try:
    noted = plain.unsealed(plain.read(path / RECORD))
    there = _digests(path)
  except (OSError, ValueError) as error:
    raise UserError(f'{path / RECORD} is what this command wrote. Received: {error}. {instead}, or remove {path}.') from error
  changed = sorted(name for name in {*noted, *there} if noted.get(name) != there.get(name))
  if changed:
    names = ', '.join(changed[:_SHOWN]) + (f' and {len(changed) - _SHOWN} more' if len(changed) > _SHOWN else '')
    raise UserError(
      f'A project that was changed since it was written is not replaced. Received: {path}, where {names} {_differ(changed)} not what was'
      f' written. {instead}, or move your changes away and remove it.'
    )


def _differ(changed: list[str]) -> str:
  return 'is' if len(changed) == 1 else 'are'


def _digests(folder: pathlib.Path) -> dict[str, str]:
  """A digest of each file, by its path in the folder; of links where they lead."""
  found = {}
  for file in sorted(folder.rglob('*')):
    name = file.relative_to(folder)
    if name.name == RECORD or _MADE & set(name.parts):
      continue
    if file.is_symlink():
      found[name.as_posix()] = f'link to {file.readlink()}'
    elif file.is_file():
      found[name.as_posix()] = hashlib.sha256(file.read_bytes()).hexdigest()
  return found

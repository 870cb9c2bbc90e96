"""What a run has left in its folder, read without keeping other processes out.

config.json  contents.json  metrics.jsonl  tensorboard/  checkpoints/STEP/  tickets/sparsity_0.9/  stages/METHOD-SEED-.../
"""

from collections.abc import Mapping
import hashlib
import json
import os
import pathlib
from typing import Any

import numpy as np

from st_tf import files, plain
from st_tf.config.named_files import OF_SPARSITY
from st_tf.config.named_files import TICKET as FACTS
from st_tf.errors import UserError

CONFIG = 'config.json'
DIGESTS = 'contents.json'  # Of what was in the files that settings name.
METRICS = 'metrics.jsonl'
BOARD = 'tensorboard'
CHECKPOINTS = 'checkpoints'
TICKETS = 'tickets'
STAGES = 'stages'
EARLY = 'early.safetensors'
FINISHED = 'finished.json'
WORKERS = 'workers'  # Folders of the processes that share its trainings, and what they say.
OWN_FILES = (FINISHED, EARLY, METRICS, DIGESTS, CONFIG)
_ROW = {'event': str, 'step': int, 'epoch': int, 'seconds': float, 'validation': Mapping[str, float]}  # What is reckoned with.


class WorkdirError(UserError):
  """A folder that this run cannot use."""


def digests(path: pathlib.Path) -> dict[str, str]:
  """Digests of what was in the files that the settings of the run in that folder name, by setting.

  Raises:
    WorkdirError: they are damaged.
  """
  path = path / DIGESTS
  try:
    found = plain.unsealed(plain.read(path)) if path.exists() else {}
    plain.check(found, Mapping[str, str], DIGESTS)
    return found
  except ValueError as error:
    raise WorkdirError(f'{path} is what a run wrote. Received: {error}. Use another --workdir, or remove that folder.') from error


def tickets(path: pathlib.Path) -> list[pathlib.Path]:
  """Folders of the tickets of the run in that folder."""
  return sorted(folder for folder in (path / TICKETS).glob(f'{OF_SPARSITY}*') if folder.is_dir())


def row_line(row: Mapping[str, Any]) -> str:
  """A row of metrics as the file has it: with a checksum, by which a line that was damaged is seen."""
  return json.dumps(plain.sealed(row)) + '\n'


def rows(path: pathlib.Path) -> tuple[list[dict[str, Any]], int]:
  """(every row of metrics of the run in that folder, how many lines are none: damaged, or unfinished as the run was killed).

  Raises:
    WorkdirError: something else is in the file's place.
  """
  path = path / METRICS
  found, damaged = [], 0
  try:
    lines = path.read_bytes().splitlines() if os.path.lexists(path) else []
  except OSError as error:
    raise unwritable(path, error) from error
  for line in lines:
    try:
      row = plain.unsealed(plain.parse(line))
      for name, kind in _ROW.items():
        if name in row or name == 'step':
          plain.check(row.get(name), kind, name)
      found.append(row)
    except ValueError:
      damaged += 1
  return found, damaged


def early(path: pathlib.Path) -> dict[str, np.ndarray]:
  """The early weights that the run in that folder has kept.

  Raises:
    WorkdirError: none, or they are damaged.
  """
  try:
    return files.read_arrays(path / EARLY)
  except (OSError, ValueError) as error:
    raise WorkdirError(f'A first stage keeps its early weights. Received: {error} in {path}. Remove that folder.') from error


def finish(path: pathlib.Path) -> None:
  """Notes that all tickets of the run in that folder are there, and what is in them.

  Raises:
    WorkdirError: one cannot be read, or the note not be written.
  """
  try:
    noted = {ticket.name: _said(ticket) for ticket in tickets(path)}
  except (OSError, ValueError) as error:
    raise unreadable(path, error) from error
  try:
    files.write_text(path / FINISHED, json.dumps(noted) + '\n')
  except OSError as error:
    raise unwritable(path / FINISHED, error) from error


def is_finished(path: pathlib.Path) -> bool:
  """Whether the run in that folder has come to its end, and its tickets are still there as they were.

  Scores may have come since. A search without tickets of its own has noted none. Runs of before have noted names alone, or nothing of
  arrays.
  """
  try:
    noted = plain.read(path / FINISHED)
    plain.check(noted, list[str] | Mapping[str, str], FINISHED)
    names = [name for name in noted if name.startswith(OF_SPARSITY) and os.sep not in name]
    there = len(names) == len(noted) and all((path / TICKETS / name / FACTS).is_file() for name in names)
    return there and (isinstance(noted, list) or all(_is_as_noted(path / TICKETS / name, noted[name]) for name in names))
  except (OSError, ValueError):
    return False


def unwritable(path: pathlib.Path, error: OSError) -> WorkdirError:
  """What is said of a file of a run that cannot be written, or not be read."""
  return WorkdirError(f'{path} is a file of a run. Received: {error}. Make room, or remove what is there, and give the same command again.')


def unreadable(path: pathlib.Path, error: Exception) -> WorkdirError:
  """What is said of a run in `path`, of whose tickets one cannot be read and is not drawn again."""
  return WorkdirError(
    f'A run ends with tickets that can be read. Received: {error} (in {path}). Remove the folder of that ticket, without which the run ends'
    ' with its others, or start over, by --fresh.'
  )


def _is_as_noted(ticket: pathlib.Path, noted: str) -> bool:
  return noted in (_said(ticket), plain.checksum(_facts(ticket)[0]))


def _said(ticket: pathlib.Path) -> str:
  """A checksum of what a ticket says of itself, later scores aside, and of the files of its arrays."""
  arrays = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in ticket.glob('*.safetensors')}
  return plain.checksum([*_facts(ticket), arrays])


def _facts(ticket: pathlib.Path) -> tuple[dict[str, Any], Any]:
  """(all but scores, those of validation)."""
  facts = plain.read(ticket / FACTS)
  plain.check(facts, Mapping[str, Any], FACTS)
  scores = facts.get('metrics', {})
  plain.check(scores, Mapping[str, Any], 'metrics')
  return {name: value for name, value in facts.items() if name != 'metrics'}, scores.get('validation')

"""What a run has left in its folder, read without keeping other processes out.

config.json  contents.json  metrics.jsonl  tensorboard/  checkpoints/STEP/  tickets/sparsity_0.9/  stages/METHOD-SEED-.../
"""

import json
import pathlib
from typing import Any

import numpy as np

from st_tf import files
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


class WorkdirError(UserError):
  """A folder that this run cannot use."""


def digests(path: pathlib.Path) -> dict[str, str]:
  """Digests of what was in the files that the settings of the run in that folder name, by setting.

  Raises:
    WorkdirError: they are damaged.
  """
  path = path / DIGESTS
  try:
    return dict(files.read_json(path)) if path.exists() else {}
  except (ValueError, TypeError) as error:
    raise WorkdirError(f'{path} is what a run wrote. Received: {error}. Use another --workdir, or remove that folder.') from error


def tickets(path: pathlib.Path) -> list[pathlib.Path]:
  """Folders of the tickets of the run in that folder."""
  return sorted(folder for folder in (path / TICKETS).glob('sparsity_*') if folder.is_dir())


def rows(path: pathlib.Path) -> list[dict[str, Any]]:
  """Every row of metrics of the run in that folder; unfinished lines are left out."""
  path = path / METRICS
  found = []
  for line in path.read_text(encoding='utf-8').splitlines() if path.exists() else []:
    try:
      found.append(json.loads(line))
    except json.JSONDecodeError:
      continue
  return found


def early(path: pathlib.Path) -> dict[str, np.ndarray]:
  """The early weights that the run in that folder has kept.

  Raises:
    WorkdirError: none, or they are damaged.
  """
  try:
    return files.read_arrays(path / EARLY)
  except (OSError, ValueError) as error:
    raise WorkdirError(f'A first stage keeps its early weights. Received: {error} in {path}. Remove that folder.') from error


def is_finished(path: pathlib.Path) -> bool:
  """Whether the run in that folder has come to its end and its tickets are still there."""
  finished = path / FINISHED
  return finished.is_file() and all((path / TICKETS / name).is_dir() for name in files.read_json(finished))

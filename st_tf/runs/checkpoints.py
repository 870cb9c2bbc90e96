"""The checkpoints of a run: a folder per step, whole or absent."""

import json
import pathlib
import sys

from st_tf import files
from st_tf.training.state import State

_STATE = 'state.json'
_ARRAYS = 'state.safetensors'


class Checkpoints:
  """Checkpoints in a folder.

  Args:
    folder: created with the first.
    keep: how many are kept.
  """

  def __init__(self, folder: pathlib.Path, keep: int):
    self._folder, self._keep = folder, keep

  def any(self) -> bool:
    """Whether there is one."""
    return bool(self._saved())

  def save(self, state: State) -> bool:
    """Writes a checkpoint and removes the oldest ones; a full disk is reported and the older ones stay.

    Returns:
      Whether it was written.
    """
    step = state.facts['step']

    def fill(folder: pathlib.Path) -> None:
      files.write_arrays(folder / _ARRAYS, state.arrays)
      facts = state.facts | {'digest': files.digest(state.arrays)}
      (folder / _STATE).write_text(json.dumps(facts) + '\n', encoding='utf-8')

    try:
      files.write_folder(self._folder / f'{step:08d}', fill)
    except OSError as error:
      print(f'warning: no checkpoint at step {step}: {error}. The previous one stays.', file=sys.stderr)
      return False
    for old in self._saved()[self._keep :]:
      files.remove(old)
    return True

  def latest(self) -> State | None:
    """The newest checkpoint that can be read; broken ones are reported and passed over."""
    saved = self._saved()
    for path in saved:
      try:
        facts = files.read_json(path / _STATE)
        arrays = files.read_arrays(path / _ARRAYS)
        if files.digest(arrays) != facts.pop('digest'):
          raise ValueError('the arrays do not match their digest')
        return State(facts, arrays)
      except (ValueError, KeyError, TypeError, AttributeError) as error:
        instead = 'the run starts from the beginning' if path == saved[-1] else 'using the one before it'
        print(f'warning: checkpoint {path} is broken ({error}); {instead}.', file=sys.stderr)
        # Out of the way, or it would count as one of those that are kept.
        aside = path.with_name(f'broken_{path.name}')
        files.remove(aside)
        path.rename(aside)
    return None

  def tidy(self) -> None:
    """Removes what was left half written."""
    for rest in self._folder.glob('.*'):
      files.remove(rest)

  def _saved(self) -> list[pathlib.Path]:
    """Newest first."""
    if not self._folder.is_dir():
      return []
    return sorted((path for path in self._folder.iterdir() if path.name.isdigit()), reverse=True)

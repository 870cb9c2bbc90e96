"""The checkpoints of a run: a folder per step, whole or absent."""

from collections.abc import Iterator
import json
import pathlib
import sys

from st_tf import files, plain
from st_tf.training.state import Facts, State

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
      facts = state.facts | {'digest': _digest(state)}
      (folder / _STATE).write_text(json.dumps(facts) + '\n', encoding='utf-8')

    try:
      files.write_folder(self._folder / f'{step:08d}', fill)
    except OSError as error:
      print(f'warning: no checkpoint at step {step}: {error}. The previous one stays.', file=sys.stderr)
      return False
    try:
      for old in self._saved()[self._keep :]:
        files.remove(old)
    except OSError as error:
      print(f'warning: an older checkpoint stays: {error}.', file=sys.stderr)
    return True

  def latest(self) -> State | None:
    """The newest checkpoint that can be read; broken ones are reported and passed over."""
    return next(self.readable(), None)

  def readable(self) -> Iterator[State]:
    """The checkpoints that can be read, newest first; broken ones are reported and passed over."""
    for path in self._saved():
      try:
        yield _read(path)
      except (OSError, ValueError) as error:
        self.pass_over(path.name, str(error))

  def pass_over(self, name: str, why: str) -> None:
    """Reports that a checkpoint is broken, and puts it out of the way, or it would count as one of those that are kept."""
    path = self._folder / name
    instead = 'the run starts from the beginning' if path == self._saved()[-1] else 'using the one before it'
    print(f'warning: checkpoint {path} is broken ({why}); {instead}.', file=sys.stderr)
    aside = path.with_name(f'broken_{path.name}')
    files.remove(aside)
    path.rename(aside)

  def tidy(self) -> None:
    """Puts back, or removes, what was left half written."""
    files.tidy(self._folder)
    for rest in self._folder.glob('.*'):
      files.remove(rest)

  def _saved(self) -> list[pathlib.Path]:
    """Newest first."""
    if not self._folder.is_dir():
      return []
    return sorted((path for path in self._folder.iterdir() if path.name.isdecimal()), key=lambda path: int(path.name), reverse=True)


def _read(path: pathlib.Path) -> State:
  """The checkpoint in a folder.

  Raises:
    OSError, ValueError: there is none, or it is broken.
  """
  facts = plain.read(path / _STATE)
  if not isinstance(facts, dict) or not isinstance(facts.get('digest'), str):
    raise ValueError(f'{_STATE} is no object with a digest')
  said = facts.pop('digest')
  found = State(facts, files.read_arrays(path / _ARRAYS))
  # Checkpoints of before say a digest of their arrays alone.
  if said not in (_digest(found), files.digest(found.arrays)):
    raise ValueError('the contents do not match their digest')
  plain.check_fields(facts, Facts, '')
  if facts.get('step') != int(path.name):
    raise ValueError(f'the folder is that of step {int(path.name)}, its facts are of step {facts.get("step")}')
  return found


def _digest(state: State) -> str:
  """Of all that is in a checkpoint."""
  return plain.checksum([state.facts, files.digest(state.arrays)])

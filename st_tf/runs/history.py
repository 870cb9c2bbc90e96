"""What happened in a run, as rows of metrics: in a file of its own and in TensorBoard's."""

from collections.abc import Iterator, Mapping, Sequence
import json
import pathlib
import sys
from typing import Any

import numpy as np
import tensorflow as tf

from st_tf import files
from st_tf.runs.folder import BOARD, METRICS, WorkdirError, rows


class History:
  """The rows of metrics of a run.

  Args:
    path: the run's folder.
    again: what continues the run, in words.
  """

  def __init__(self, path: pathlib.Path, again: str):
    self._path, self._again = path, again
    self._writer: Any = None

  def record(self, row: Mapping[str, Any]) -> None:
    """Appends one row, and its numbers to TensorBoard; a full disk is reported and the run goes on."""
    try:
      with open(self._path / METRICS, 'a', encoding='utf-8') as file:
        file.write(json.dumps(row) + '\n')
    except OSError as error:
      print(f'warning: no row of metrics at step {row["step"]}: {error}.', file=sys.stderr)
    with self._board():
      for name, value in _scalars(row):
        tf.summary.scalar(f'{row["event"]}/{name}', value, step=row['step'])

  def histogram(self, values: Mapping[str, np.ndarray], step: int) -> None:
    """Writes distributions to TensorBoard."""
    with self._board():
      for name, value in values.items():
        tf.summary.histogram(name, value, step=step)

  def rows(self) -> list[dict[str, Any]]:
    """Every row so far; unfinished lines are left out."""
    return rows(self._path)

  def rewind(self, step: int) -> None:
    """Forgets the rows after `step`: the run is about to live through them again.

    Raises:
      WorkdirError: they cannot be written.
    """
    left = [row for row in self.rows() if row['step'] <= step]
    try:
      files.write_text(self._path / METRICS, ''.join(json.dumps(row) + '\n' for row in left))
    except OSError as error:
      raise WorkdirError(f'{METRICS} can be written. Received: {error}. Make room and give {self._again} again.') from error

  def retell(self, stages: Sequence[pathlib.Path]) -> None:
    """Makes the rows those of the run's stages, one after the other; each names its stage."""
    files.remove(self._path / BOARD)
    self._writer = None
    (self._path / METRICS).unlink(missing_ok=True)
    steps = epochs = 0
    for stage in stages:
      told = rows(stage)
      for row in told:
        self.record(row | {'step': row['step'] + steps, 'epoch': row['epoch'] + epochs, 'stage': stage.name})
      steps, epochs = (past + max((row[name] for row in told), default=0) for past, name in ((steps, 'step'), (epochs, 'epoch')))

  def _board(self):
    if self._writer is None:
      self._writer = tf.summary.create_file_writer(str(self._path / BOARD))
    return self._writer.as_default()


def _scalars(row: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
  for name, value in row.items():
    if isinstance(value, Mapping):
      yield from ((f'{name}_{inner}', score) for inner, score in _scalars(value))
    elif isinstance(value, (int, float)) and name != 'step':
      yield name, value

"""What happened in a run, as rows of metrics: in a file of its own and in TensorBoard's."""

from collections.abc import Callable, Iterator, Mapping, Sequence
import pathlib
import sys
from typing import Any

import numpy as np
import tensorflow as tf

from st_tf import files
from st_tf.runs.folder import BOARD, METRICS, WorkdirError, row_line, rows


class History:
  """The rows of metrics of a run.

  Args:
    path: the run's folder.
    again: what continues the run, in words.
  """

  def __init__(self, path: pathlib.Path, again: str):
    self._path, self._again = path, again
    self._writer: Any = None
    self._board_is_full = False

  def record(self, row: Mapping[str, Any]) -> None:
    """Appends one row, and its numbers to TensorBoard; a full disk is reported and the run goes on."""
    try:
      with open(self._path / METRICS, 'a', encoding='utf-8') as file:
        file.write(row_line(row))
    except OSError as error:
      print(f'warning: no row of metrics at step {row["step"]}: {error}.', file=sys.stderr)

    def write() -> None:
      for name, value in _scalars(row):
        tf.summary.scalar(f'{row["event"]}/{name}', value, step=row['step'])

    self._on_board(write)

  def histogram(self, values: Mapping[str, np.ndarray], step: int) -> None:
    """Writes distributions to TensorBoard."""

    def write() -> None:
      for name, value in values.items():
        tf.summary.histogram(name, value, step=step)

    self._on_board(write)

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
      files.write_text(self._path / METRICS, ''.join(map(row_line, left)))
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

  def _on_board(self, write: Callable[[], None]) -> None:
    """Writes summaries; a disk that cannot take them is reported once, and the run goes on without."""
    if self._board_is_full:
      return
    try:
      if self._writer is None:
        self._writer = tf.summary.create_file_writer(str(self._path / BOARD))
      with self._writer.as_default():
        write()
      self._writer.flush()
    except (OSError, tf.errors.OpError) as error:
      print(f'warning: TensorBoard is told no more of this run: {str(error).strip().splitlines()[0]}.', file=sys.stderr)
      self._board_is_full = True


def _scalars(row: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
  for name, value in row.items():
    if isinstance(value, Mapping):
      yield from ((f'{name}_{inner}', score) for inner, score in _scalars(value))
    elif isinstance(value, (int, float)) and name != 'step':
      yield name, value

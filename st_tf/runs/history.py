"""What happened in a run, as rows of metrics: in a file of its own and in TensorBoard's."""

from collections.abc import Mapping, Sequence
import pathlib
import sys
from typing import Any

import numpy as np

from st_tf import files
from st_tf.runs.board import Board
from st_tf.runs.folder import BOARD, METRICS, WorkdirError, row_line, rows, unwritable


class History:
  """The rows of metrics of a run.

  Args:
    path: the run's folder.
    again: what continues the run, in words.
    settings: of the run that tell it from others, for TensorBoard.
  """

  def __init__(self, path: pathlib.Path, again: str, settings: Mapping[str, Any] | None = None):
    self._path, self._again = path, again
    self._told: set[pathlib.Path] = set()
    self._board = Board(path / BOARD, settings or {})

  def record(self, row: Mapping[str, Any]) -> None:
    """Appends one row, and its numbers to TensorBoard; a full disk is reported and the run goes on."""
    try:
      with open(self._path / METRICS, 'a', encoding='utf-8') as file:
        file.write(row_line(row))
    except OSError as error:
      print(f'warning: no row of metrics at step {row["step"]}: {error}.', file=sys.stderr)
    self._board.add(row)

  def histogram(self, values: Mapping[str, np.ndarray], epoch: int) -> None:
    """Shows how the values are distributed, on TensorBoard."""
    self._board.histogram(list(values.values()), epoch)

  def rows(self) -> list[dict[str, Any]]:
    """Every row so far; unfinished lines are left out, and damaged ones, which is said once."""
    return self._read(self._path)

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
    self._board.rewrite(left)

  def retell(self, stages: Sequence[pathlib.Path]) -> None:
    """Makes the rows those of the run's stages, one after the other; each names its stage.

    Raises:
      WorkdirError: something else is in the file's place.
    """
    self._board.rewrite(())
    try:
      (self._path / METRICS).unlink(missing_ok=True)
    except OSError as error:
      raise unwritable(self._path / METRICS, error) from error
    steps = epochs = 0
    for stage in stages:
      told = self._read(stage)
      for row in told:
        self.record(row | {'step': row['step'] + steps, 'epoch': row['epoch'] + epochs, 'stage': stage.name})
      steps, epochs = (past + max((row[name] for row in told), default=0) for past, name in ((steps, 'step'), (epochs, 'epoch')))

  def _read(self, run: pathlib.Path) -> list[dict[str, Any]]:
    found, damaged = rows(run)
    if damaged and run not in self._told:
      self._told.add(run)
      print(
        f'warning: {damaged} of {damaged + len(found)} lines of {run / METRICS} cannot be read (damaged, or unfinished as the run was'
        ' stopped): curves and the time that training took leave them out. Weights and checkpoints do not depend on them.',
        file=sys.stderr,
      )
    return found

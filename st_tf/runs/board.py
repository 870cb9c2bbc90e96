"""What TensorBoard shows of a run: training and validation in the same charts, and the settings for its HParams."""

from collections.abc import Callable, Iterator, Mapping, Sequence
import functools
import pathlib
import re
import sys
from typing import Any

import numpy as np
from tensorboard.plugins.hparams import api as hparams
import tensorflow as tf

from st_tf import files

TRAIN, VALIDATION, SEARCH = PARTS = ('train', 'validation', 'search')
_EPOCH = 'epoch_'  # As Keras's own callback writes losses and scores.
_INNER = re.compile(r'^\{\{.*?\}\} ')  # What TensorFlow says of its own graph, before what has happened.
_HISTOGRAM = 'importance factors'
_NETWORK = ('sparsity', 'macs', 'nonzero_macs', 'params', 'nonzero_params', 'latency_ms')
_TRAINING = ('learning_rate', 'penalty')


class Board:
  """A folder that TensorBoard reads, with a run of its own for each of `PARTS` that has something to show.

  Steps are epochs. What never changes over a run is no chart: but for losses and scores, a value is kept back until another one comes. A
  disk that cannot take more is reported once, and the run goes on without.

  Args:
    path: the folder.
    settings: of the run, for HParams.
  """

  def __init__(self, path: pathlib.Path, settings: Mapping[str, Any]):
    self._path, self._settings = path, settings
    self._writers: dict[str, Any] = {}
    self._kept_back: dict[tuple[str, str], list[tuple[int, float]]] = {}
    self._shown: set[tuple[str, str]] = set()
    self._is_full = False

  def add(self, row: Mapping[str, Any]) -> None:
    """Shows the numbers of a row that ends an epoch; of other rows nothing."""
    if row.get('event') == 'epoch' and 'epoch' in row:
      self._guarded(lambda: self._add(row))

  def histogram(self, values: Sequence[np.ndarray], epoch: int) -> None:
    """Shows the distribution of all values together; of none nothing."""
    if values:
      everything = np.concatenate([np.ravel(value) for value in values])
      self._guarded(lambda: self._write(SEARCH, lambda: tf.summary.histogram(_HISTOGRAM, everything, step=epoch)))

  def rewrite(self, rows: Sequence[Mapping[str, Any]]) -> None:
    """Shows these rows and no others; of distributions, those up to the last of their epochs."""
    last = max((row['epoch'] for row in rows if row.get('event') == 'epoch' and 'epoch' in row), default=0)
    self._guarded(lambda: self._begin_anew(last))
    for row in rows:
      self.add(row)

  def _begin_anew(self, last: int) -> None:
    for writer in self._writers.values():
      writer.close()
    self._writers, self._kept_back, self._shown = {}, {}, set()
    distributions = [event for event in _events(self._path / SEARCH) if event.step <= last]
    for part in PARTS:
      files.remove(self._path / part)
    for path in self._path.glob('events.out.tfevents.*'):  # As versions before wrote them.
      path.unlink()
    for event in distributions:
      for value in event.summary.value:
        self._write(SEARCH, functools.partial(_again, value, event.step))

  def _add(self, row: Mapping[str, Any]) -> None:
    for part, tag, value in _scalars(row):
      points = self._kept_back.setdefault((part, tag), [])
      points.append((row['epoch'], value))
      may_be_constant = not tag.startswith(_EPOCH) and (part, tag) not in self._shown
      if may_be_constant and all(other == value for _, other in points):
        continue
      self._shown.add((part, tag))
      for epoch, point in points:
        self._write(part, functools.partial(tf.summary.scalar, tag, point, step=epoch))
      points.clear()

  def _write(self, part: str, write: Callable[[], Any]) -> None:
    if part not in self._writers:
      self._writers[part] = tf.summary.create_file_writer(str(self._path / part))
      if part == VALIDATION:  # Beside the scores that HParams lists.
        with self._writers[part].as_default():
          hparams.hparams(dict(self._settings), trial_id=self._path.parent.name)
    with self._writers[part].as_default():
      write()
    self._writers[part].flush()

  def _guarded(self, act: Callable[[], None]) -> None:
    if self._is_full:
      return
    try:
      act()
    except (OSError, tf.errors.OpError) as error:
      why = _INNER.sub('', str(error).strip().splitlines()[0])
      print(f'warning: TensorBoard is told no more of this run: {why}.', file=sys.stderr)
      self._is_full = True


def _scalars(row: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
  """(part, tag, value); of loss and scores training and validation have the same tags, as Keras names them."""
  for name, value in row.items():
    if name == 'loss' or name.startswith('train_'):
      yield TRAIN, f'{_EPOCH}{name.removeprefix("train_")}', value
    elif name == 'validation':
      yield from ((VALIDATION, f'{_EPOCH}{score}', number) for score, number in (value or {}).items())
    elif name in _NETWORK:
      yield TRAIN, f'network/{name}', value
    elif name in _TRAINING:
      yield TRAIN, f'training/{name}', value


def _again(value: Any, epoch: int) -> None:
  """Writes a value that was read."""
  tf.summary.write(value.tag, tf.make_ndarray(value.tensor), step=epoch, metadata=value.metadata)


def _events(folder: pathlib.Path) -> Iterator[Any]:
  """Events with values in a part's files; a file that breaks off is read as far as it goes."""
  for path in sorted(folder.glob('events.out.tfevents.*')):
    try:
      for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        event = tf.compat.v1.Event.FromString(record)
        if event.HasField('summary'):
          yield event
    except tf.errors.DataLossError:
      continue

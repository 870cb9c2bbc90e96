"""Which pictures were classified wrongly: by name, with what they show, what was answered and how sure."""

from collections.abc import Mapping, Sequence
import csv
import dataclasses
import io
import pathlib
from typing import Any

import numpy as np

from st_tf import files
from st_tf.task import Metrics, Task, TaskError
from st_tf.task.pictures import shown

_HEAD = ('picture', 'truth', 'answer', 'score', 'score_of_truth')
_ENDING = '.csv'


@dataclasses.dataclass(frozen=True)
class Mistake:
  """A picture whose answer was wrong.

  Attributes:
    picture: what it is called.
    truth: its label.
    answer: the label that was answered; '' where the outputs were no numbers.
    score: the probability of the answer; None where outputs are none.
    of_truth: likewise, of the true label.
  """

  picture: str
  truth: str
  answer: str
  score: float | None
  of_truth: float | None


class Mistakes(Metrics):
  """Metrics of a classification that also keep what was wrong."""

  def __init__(self, task: Task):
    """Starts at zero examples.

    Args:
      task: gives the metrics and the labels.

    Raises:
      TaskError: it does not classify.
    """
    if task.semantics['kind'] != 'classification':
      raise TaskError(f'Wrong pictures are of classification. Received: {task.name}, which is {task.semantics["kind"]}. Leave it out.')
    self._metrics, self._labels = task.metrics(), task.labels
    self._count = 0
    self._found: list[tuple[int, int, int, float, float]] = []  # Example, truth, answer (-1 = none), their probabilities.

  def update(self, targets: np.ndarray, outputs: np.ndarray) -> None:
    """Adds one batch: targets [batch, classes] one-hot, outputs [batch, classes] logits."""
    self._metrics.update(targets, outputs)
    outputs, truth = np.asarray(outputs, np.float64), np.asarray(targets).argmax(-1)
    for index, (logits, label) in enumerate(zip(outputs, truth.tolist()), self._count):
      if not np.isfinite(logits).all():
        self._found.append((index, label, -1, np.nan, np.nan))
      elif logits.argmax() != label:
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        self._found.append((index, label, int(logits.argmax()), float(shares.max()), float(shares[label])))
    self._count += len(truth)

  def result(self) -> dict[str, float]:
    """As the task's own."""
    return self._metrics.result()

  def per_class(self) -> dict[str, dict[str, float]]:
    """As the task's own."""
    return self._metrics.per_class()

  def confusion(self) -> dict[str, dict[str, int]]:
    """As the task's own."""
    return self._metrics.confusion()

  def found(self, names: Sequence[str], are_shares: bool = True) -> list[Mistake]:
    """What was wrong, the surest answer first.

    Args:
      names: of all examples, in the order in which they were added.
      are_shares: whether outputs are logits, whose probabilities can be said.
    """
    ordered = sorted(self._found, key=lambda entry: (-np.nan_to_num(entry[3], nan=-1.0), entry[0])) if are_shares else self._found
    return [
      Mistake(
        shown(names[index]),
        self._labels[truth],
        self._labels[answer] if answer >= 0 else '',
        score if are_shares and answer >= 0 else None,
        own if are_shares and answer >= 0 else None,
      )
      for index, truth, answer, score, own in ordered
    ]


def names_of(task: Task, splits: Sequence[str]) -> list[str]:
  """What the pictures of splits are called: their files, or else their split and number."""
  return [name for split in splits for name in task.names(split) or (f'{split} {index}' for index in range(task.scored(split)))]


def check_place(path: str) -> None:
  """Refuses a file that could not be written, before anything is scored.

  Raises:
    TaskError: it is no .csv, or its folder is not there.
  """
  file = files.expanded(path)
  if file.suffix.lower() != _ENDING or file.is_dir():
    raise TaskError(f'Wrong pictures are written into a .csv file. Received: {shown(path)}. Write for example --wrong=wrong.csv.')
  if not file.absolute().parent.is_dir():
    raise TaskError(f'Wrong pictures are written into a folder that is there. Received: {shown(path)}. Create {shown(file.parent)} first.')


def write(path: str | pathlib.Path, mistakes: Sequence[Mistake]) -> None:
  """Writes a line for each, below a line of titles.

  Raises:
    OSError: it cannot be written.
  """
  text = io.StringIO()
  writer = csv.writer(text, lineterminator='\n')
  writer.writerow(_HEAD)
  for each in mistakes:
    scores = ('' if score is None else f'{score:.6f}' for score in (each.score, each.of_truth))
    writer.writerow((each.picture, each.truth, each.answer, *scores))
  files.write_text(files.expanded(path), text.getvalue())


def read(path: pathlib.Path) -> list[Mistake]:
  """What `write` has written; nothing where there is no such file, or it says something else."""
  try:
    with path.open(encoding='utf-8', newline='') as file:
      return [_mistake(row) for row in csv.DictReader(file)]
  except (OSError, ValueError, KeyError, TypeError, csv.Error):
    return []


def _mistake(row: Mapping[str, Any]) -> Mistake:
  picture, truth, answer, *scores = (row[name] for name in _HEAD)
  return Mistake(picture, truth, answer, *(float(score) if score else None for score in scores))

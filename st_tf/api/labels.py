"""Labels of a file of others beside those of a task: which output is which class."""

from collections.abc import Sequence
import re
import unicodedata

import numpy as np

from st_tf.errors import UserError
from st_tf.files import expanded

TASK = 'task'
_SHOWN = 5
_NUMBERED = re.compile(r'\s*(\d{1,9})\s*[\s:,;.)\t]\s*(.*\S)\s*')
_BACKGROUND = ('background', '???', 'n/a')


class LabelsError(UserError):
  """Labels that are not those of the task."""


def parse(text: bytes, source: str) -> list[str]:
  """The labels in a text file, one per line; empty lines at the end are none.

  Raises:
    LabelsError: it is no text, or names nothing.
  """
  try:
    lines = [line.strip() for line in re.split('\r\n|\r|\n', text.decode('utf-8-sig'))]
  except UnicodeDecodeError as error:
    raise LabelsError(
      f'Labels are text in UTF-8, one per line. Received: {source}, which is none ({error.reason}). Save it again.'
    ) from None
  while lines and not lines[-1]:
    lines.pop()
  if not lines:
    raise LabelsError(f'Labels are text, one per line. Received: {source}, which is empty. Choose another --labels.')
  return lines


def read(path: str) -> list[str]:
  """The labels in a file.

  Raises:
    LabelsError: as `parse`, or it cannot be read.
  """
  try:
    return parse(expanded(path).read_bytes(), path)
  except (OSError, ValueError) as error:
    reason = error.strerror if isinstance(error, OSError) else error
    raise LabelsError(f'--labels is a text file with a label per line, or {TASK!r}. Received: {path!r} ({reason}).') from None


def order(labels: Sequence[str], wanted: Sequence[str], source: str) -> tuple[list[int], str]:
  """(the output of each of the task's labels, what was done in words).

  Args:
    labels: of the outputs, in order.
    wanted: the task's, in order.
    source: where the former come from.

  Raises:
    LabelsError: these are other labels.
  """
  if list(labels) == list(wanted):
    return list(range(len(wanted))), f'those of the task, in {source}'
  for note, given, names in _readings(labels, wanted):
    twice = sorted({label for label in given if given.count(label) > 1})
    place = {label: index for index, label in enumerate(given)}
    more = [label for label in given if label not in names]
    if set(names) <= set(given) and not twice and all(label.strip('_').casefold() in _BACKGROUND for label in more):
      found = [place[name] for name in names]
      moved = int((np.argsort(np.argsort(found)) != np.arange(len(found))).sum())
      told = [f'those of the task by name, in {source}{note}']
      told += [f'{moved} of {len(found)} in another order'] if moved else []
      told += [f'{", ".join(map(repr, more))} left out'] if more else []
      return found, '; '.join(told)
  raise LabelsError(
    f'The labels of a file are those of its task. Received: {len(labels)} in {source}, {len(wanted)} of the task.'
    f'{_difference(" Only in the file", labels, wanted)}{_difference(" Only in the task", wanted, labels)}{_twice(labels)} Choose another'
    f' --task, name the outputs by --labels=FILE, or take them in the order of the task by --labels={TASK}.'
  )


def _readings(labels: Sequence[str], wanted: Sequence[str]):
  """(what was done to the names, the file's names, the task's), the plainest first."""
  plain = [[unicodedata.normalize('NFC', label) for label in names] for names in (labels, wanted)]
  numbered = _without_numbers(plain[0])
  yield '', *plain
  yield ', upper and lower case and separators aside', list(map(_folded, plain[0])), _distinct(map(_folded, plain[1]))
  if numbered:
    yield ', without the numbers before them', numbered, plain[1]
    yield ', without the numbers before them, case and separators aside', list(map(_folded, numbered)), _distinct(map(_folded, plain[1]))


def _without_numbers(labels: Sequence[str]) -> list[str]:
  """Names behind the numbers of all outputs, in the order of these; none where labels have no such numbers."""
  found = [_NUMBERED.fullmatch(label) for label in labels]
  if not all(found):
    return []
  rows = sorted((int(match[1]), match[2]) for match in found)
  numbers = [number for number, _ in rows]
  return [name for _, name in rows] if numbers in (list(range(len(rows))), list(range(1, len(rows) + 1))) else []


def _folded(label: str) -> str:
  return re.sub(r'[\s_-]+', ' ', label).strip().casefold()


def _distinct(labels) -> list[str]:
  """The labels; ones that no file has where two have become one."""
  labels = list(labels)
  return labels if len(set(labels)) == len(labels) else ['\n'] * len(labels)


def _difference(what: str, labels: Sequence[str], others: Sequence[str]) -> str:
  only = [label for label in dict.fromkeys(labels) if label not in set(others)]
  rest = f' and {len(only) - _SHOWN} more' if len(only) > _SHOWN else ''
  return f'{what}: {", ".join(map(repr, only[:_SHOWN]))}{rest}.' if only else ''


def _twice(labels: Sequence[str]) -> str:
  twice = list(dict.fromkeys(label for label in labels if list(labels).count(label) > 1))
  return f' More than once in the file: {", ".join(map(repr, twice[:_SHOWN]))}.' if twice else ''

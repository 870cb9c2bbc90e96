"""Scores of a network on a task, whatever form the network has."""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import time
from typing import Any

import numpy as np
import tensorflow as tf

from st_tf import task as tasks
from st_tf import wording
from st_tf.api.outputs import Outputs
from st_tf.errors import UserError
from st_tf.task import EVERYTHING, Task, mistakes, scoring
from st_tf.ticket import Ticket
from st_tf.ticket.task_of import renormalisation, task_of


class EvaluationError(UserError):
  """A network and a task that do not fit together."""


@dataclasses.dataclass(frozen=True)
class Network:
  """Something that can be scored.

  Attributes:
    name: where it comes from.
    about: what else is known of it.
    image_size: (height, width) it reads, in pixels.
    outputs: numbers it gives per image (or per pixel).
    infer: images [batch, height, width, 3], normalised as the task does -> outputs [batch, ..., outputs].
    notes: what was taken for granted, each a word on what it is about, a colon and the rest.
    read: of a file of classes, how its outputs were read; None for others.
  """

  name: str
  about: str
  image_size: tuple[int, int]
  outputs: int
  infer: Callable[[np.ndarray], np.ndarray]
  notes: tuple[str, ...] = ()
  read: Outputs | None = None


@dataclasses.dataclass(frozen=True)
class Evaluation:
  """The scores of a network.

  Attributes:
    model: the network's name.
    about: what else is known of it.
    task: the task's name.
    split: which of its examples.
    examples: how many.
    seconds: time it took.
    scores: by name; fractions, except for the loss.
    per_class: {label: {'count': n, score: value}}; without examples a class has no score.
    notes: what was taken for granted, as those of `Network`.
    sure: the 95% interval of the score that decides; None where it is not known.
  """

  model: str
  about: str
  task: str
  split: str
  examples: int
  seconds: float
  scores: Mapping[str, float]
  per_class: Mapping[str, Mapping[str, float]]
  notes: tuple[str, ...] = ()
  sure: tuple[float, float] | None = None


def scored(network: Network, task: Task, split: str, batch_size: int, wrong: str = '') -> Evaluation:
  """Scores `network` on a split of `task`.

  Args:
    network: what is scored.
    task: on what.
    split: one of its splits, or `EVERYTHING`.
    batch_size: images per step.
    wrong: a .csv file for the pictures that are classified wrongly; '' = none.

  Raises:
    EvaluationError: it reads other images or gives other outputs than the task has.
    TaskError: wrong pictures are wanted of a task that does not classify, or cannot be written.
  """
  if network.image_size != tuple(task.image_size):
    wanted = ' '.join(f'--{name}={value}' for name, value in tasks.size_settings(network.image_size).items())
    sizes = ['x'.join(map(str, size)) for size in (network.image_size, task.image_size)]
    raise EvaluationError(
      f'The images of the task have the size the network reads, {sizes[0]}. Received: {sizes[1]} from {task.name}. Use {wanted}.'
    )
  if network.outputs != task.head.outputs:
    raise EvaluationError(
      f'A network has as many outputs as its task, {task.head.outputs} for {task.name}. Received: {network.outputs}'
      f' in {network.name}. Choose the --task it was trained for.'
    )
  if wrong:
    mistakes.check_place(wrong)
  started = time.monotonic()
  metrics = mistakes.Mistakes(task) if wrong else task.metrics()
  for part in _parts(task, split):
    scoring.score(network.infer, task, part, batch_size, metrics)
  seconds = time.monotonic() - started
  drawn = task.origins.get(split, '')
  scores, notes = dict(metrics.result()), (*network.notes, *([f'split: {drawn}'] if drawn else []))
  if network.read:
    ties = [f'ties: {network.read.of_ties}'] if network.read.of_ties else []
    notes = (*notes, *ties, f'outputs: {network.read.note}')
    if not network.read.has_loss:
      scores.pop('loss', None)
    if not network.read.has_top5:
      scores.pop('top5', None)
  if wrong:
    notes = (*notes, _wrong(metrics, task, split, wrong, network.read is None or network.read.has_loss))
  sure = scoring.interval(metrics, task, _parts(task, split))
  examples = sum(task.sizes[part] for part in _parts(task, split))
  each = {label: entry if entry['count'] else {'count': 0} for label, entry in metrics.per_class().items()}
  return Evaluation(network.name, network.about, task.name, split, examples, seconds, scores, each, notes, sure)


def _wrong(found: mistakes.Mistakes, task: Task, split: str, path: str, are_shares: bool) -> str:
  listed = found.found(mistakes.names_of(task, _parts(task, split)), are_shares)
  try:
    mistakes.write(path, listed)
  except OSError as error:
    raise EvaluationError(f'Wrong pictures are written into a file. Received: {path} ({error}). Name another by --wrong.') from error
  return f'wrong: {len(listed):,} pictures, listed in {path}'


def _parts(task: Task, split: str) -> tuple[str, ...]:
  """The splits that are meant.

  Raises:
    EvaluationError: all are, of a task whose people are scored split by split.
  """
  if split == EVERYTHING and task.semantics['kind'] == 'keypoints':
    raise EvaluationError(f'Joints are scored split by split. Received: --split={EVERYTHING}. Name one of {", ".join(tasks.SPLITS)}.')
  return tasks.SPLITS if split == EVERYTHING else (split,)


def lines(result: Evaluation, per_class: bool = False) -> list[str]:
  """The table for people."""
  rate = result.examples / max(result.seconds, 1e-9)
  facts = [
    ('network', result.model),
    ('', result.about),
    ('task', f'{result.task}, {result.split} split, {result.examples:,} examples'),
    *(note.split(': ', 1) for note in result.notes),
    ('sure to', f'95% interval {100 * result.sure[0]:.1f} to {100 * result.sure[1]:.1f}%' if result.sure else ''),
    ('time', f'{wording.duration(result.seconds)} ({rate:,.0f} images per second)'),
  ]
  scores = [(wording.score_name(name), wording.score(name, value)) for name, value in result.scores.items()]
  table = [f'{name:8} {value}' for name, value in facts if value] + ['', *_aligned(scores)]
  if per_class:
    metric = next(name for scores in result.per_class.values() for name in scores if name != 'count')
    ranked = sorted(result.per_class.items(), key=lambda entry: (-entry[1].get(metric, -1), entry[0]))
    rows = [(label, wording.score(metric, entry[metric]) if metric in entry else '–', f'{entry["count"]:,}') for label, entry in ranked]
    table += ['', *_aligned([('class', wording.score_name(metric), 'examples'), *rows])]
  return table


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
  widths = [max(map(len, column)) for column in zip(*rows)]
  return ['  '.join([f'{row[0]:{widths[0]}}', *(f'{cell:>{width}}' for cell, width in zip(row[1:], widths[1:]))]) for row in rows]


def of_ticket(ticket: Ticket, name: str, given: Mapping[str, Any], task: Task | str = '') -> tuple[Network, Task]:
  """The ticket as a network, and what it is scored on.

  Args:
    ticket: what is scored.
    name: what the scores call it.
    given: settings of `DataConfig` that replace those of the training.
    task: another task with the same labels, or its name; '' = the ticket's own.

  Raises:
    UserError: no such task, or one with other labels.
  """
  task = task_of(ticket, given, task)
  model = ticket.build_model(raw=True)
  as_trained = renormalisation(task, ticket.task)
  infer = tf.function(lambda images: model(as_trained(images), training=False), reduce_retracing=True)
  about = f'{ticket.sparsity:.1%} sparse, fingerprint {ticket.fingerprint[:12]}'
  return Network(name, about, tuple(ticket.input_shape[:2]), ticket.head.outputs, infer), task

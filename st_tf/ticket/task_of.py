"""The task that a ticket was drawn for, with the data settings it was trained with."""

from collections.abc import Mapping
import dataclasses
from typing import Any

from st_tf import task as tasks
from st_tf.task import DataConfig, Normalisation, Task
from st_tf.task.normalisation import Affine
from st_tf.ticket import TaskFacts, Ticket, TicketError

_TOLD = 4  # Labels that a message names.


def task_of(ticket: Ticket, given: Mapping[str, Any], other: Task | str = '') -> Task:
  """The ticket's own task, or another one with the same labels.

  Args:
    ticket: what was drawn.
    given: settings of `DataConfig` that replace those of the training.
    other: another task, or its name; '' = the ticket's own.

  Raises:
    TaskError: there is no such task, or its data is missing.
    TicketError: the task has other labels than the ticket.
  """
  if isinstance(other, Task) and given:
    raise tasks.TaskError(f'A task that is at hand has its data. Received: {", ".join(given)} too. Give them where the task is made.')
  task = _loaded(ticket, given, other) if isinstance(other, str) else other
  if list(task.labels) != list(ticket.task.labels):
    raise TicketError(
      f'A ticket is scored on the labels it was trained for, those of {ticket.task.name}. Received: {_apart(task, ticket)}, from'
      f' {task.name}. Choose a --task with the same labels in the same order.'
    )
  return task


def _apart(task: Task, ticket: Ticket) -> str:
  """In what the labels of a task differ from those of a ticket."""
  own, others = list(ticket.task.labels), list(task.labels)
  missing, further = ([name for name in one if name not in other] for one, other in ((own, others), (others, own)))
  named = (('without', missing), ('with also', further))
  said = [f'{what} {", ".join(map(repr, names[:_TOLD]))}{" and more" * (len(names) > _TOLD)}' for what, names in named if names]
  return ' and '.join(said) or 'the same in another order'


def _loaded(ticket: Ticket, given: Mapping[str, Any], name: str) -> Task:
  known = {field.name for field in dataclasses.fields(DataConfig)}
  settings = tasks.size_settings(ticket.input_shape[:2])
  if name in ('', ticket.task.name):
    settings |= {key: value for key, value in ticket.provenance.config.items() if key in known and value}
  if not name and ticket.task.name.startswith(tasks.MODULE):
    raise tasks.TaskError(
      f'A ticket is data, and brings no code. Received: a ticket whose task is code, {ticket.task.name}. Where you trust it, say so:'
      f' --task={ticket.task.name}.'
    )
  try:
    return tasks.load(name or ticket.task.name, DataConfig.of(settings | dict(given)))
  except tasks.TaskError as error:
    if name:
      raise
    raise tasks.TaskError(f'{error} (The task is that of the ticket; --task names the same data in another place.)') from error


def renormalisation(task: Task, trained: TaskFacts) -> Affine:
  """What turns the task's normalised images into those that `trained`, a ticket's task, had."""
  return Normalisation(task.mean, task.deviation).onto(trained.normalisation)

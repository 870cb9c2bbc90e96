"""`st_tf.evaluate`: the command of that name for Python."""

import os
import pathlib
from typing import TYPE_CHECKING, Any

from st_tf.errors import UserError
from st_tf.task import Task

if TYPE_CHECKING:
  from st_tf.api.evaluation import Evaluation
  from st_tf.ticket import Ticket


def evaluate(
  network: 'Ticket | str | os.PathLike[str]',
  task: Task | str = '',
  *,
  split: str = 'test',
  batch_size: int = 256,
  pixels: str = '',
  labels: str = '',
  signature: str = '',
  output: str = '',
  wrong: str = '',
  **data: Any,
) -> 'Evaluation':
  """Scores a ticket or a .tflite file.

  Args:
    network: a ticket, its folder, or a .tflite file.
    task: what to score it on; '' = the ticket's own. A file does not know its task.
    split: one of `st_tf.task.SPLITS`, or 'all' = those of all of them.
    batch_size: images per step; changes the time only.
    pixels: that a file wants, 'bytes', 'units', 'signed', 'imagenet' or 'task'; '' = as it says.
    labels: text file with the name of each output of a file, or 'task' where their order is the task's; '' = as it says.
    signature: which of a file's signatures; '' = 'serving_default', or the first.
    output: which output of a file that has several.
    wrong: a .csv file for the pictures that are classified wrongly, with truth, answer and score; '' = none.
    **data: settings of `DataConfig` that replace those of the training, such as `data_dir`.

  Raises:
    UserError: there is no such network or task, or they do not fit together.
  """
  from st_tf.api import evaluation, foreign
  from st_tf.ticket import Ticket

  reading = foreign.Reading(signature=signature, output=output, pixels=pixels, labels=labels)
  is_file = not isinstance(network, Ticket) and (pathlib.Path(network).suffix.lower() == '.tflite' or pathlib.Path(network).is_file())
  if not is_file and reading != foreign.Reading():
    raise UserError(f'pixels, labels, signature and output are of files. Received: {reading} for a ticket. Leave it out.')
  if isinstance(network, Ticket):
    scorable, task = evaluation.of_ticket(network, network.fingerprint[:12], data, task)
  elif is_file:
    if not task:
      raise UserError('A .tflite file does not know its task. Received: no task. Give one.')
    scorable, task = foreign.network(network, data, task, reading)
  else:
    scorable, task = evaluation.of_ticket(Ticket.load(network), str(network), data, task)
  return evaluation.scored(scorable, task, split, batch_size, wrong)

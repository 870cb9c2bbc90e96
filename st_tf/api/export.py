"""`st_tf.export`: the command `tflite.export` for Python."""

import dataclasses
import os
from typing import Any

from st_tf.api.calls import prepare_tensorflow
from st_tf.errors import UserError
from st_tf.task import Task


def export(
  ticket: str | os.PathLike[str],
  out: str | os.PathLike[str] = '',
  *,
  format: str = 'float32',  # As the flag is called.
  sparse: str = 'auto',
  samples: int = 32,
  task: Task | str = '',
  **data: Any,
) -> dict[str, Any]:
  """Writes a ticket as a .tflite file for phones, which reads pixels from 0 to 1.

  The file is compared with the ticket's network on real images, and scored, before it is put in its place.

  Args:
    ticket: folder of the ticket.
    out: file to write; '' = TICKET/model_FORMAT.tflite.
    format: 'float32', 'float16' or 'int8'; the file reads and gives float32.
    sparse: 'auto', 'always' or 'never': whether kernels are stored without their zeros; auto = where that is faster: as measured,
      else as the doctor expects.
    samples: validation images on which file and ticket are compared.
    task: whose images these are; '' = the ticket's own.
    **data: settings of `DataConfig` that replace those of the training, such as `data_dir`.

  Returns:
    What is known of the file, which lies beside it as JSON too.

  Raises:
    UserError: no ticket is there, the file would not be what was asked for, or it cannot be written.
  """
  prepare_tensorflow()
  from st_tf.ticket import Ticket
  from st_tf.ticket.task_of import task_of
  from tflite import export as exporting

  if not isinstance(ticket, (str, os.PathLike)):
    raise UserError(f'What is exported is the folder of a ticket. Received: {type(ticket).__name__}. Save it, and give the folder.')
  options = exporting.Options(os.fspath(ticket), format, sparse, os.fspath(out), samples)
  loaded = Ticket.load(options.ticket)
  exporting.check_place(options.path)
  return dataclasses.asdict(exporting.export(loaded, task_of(loaded, data, task), options))

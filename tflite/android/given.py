"""A .tflite file that the app takes as it is."""

import io
import pathlib
import zipfile

import numpy as np

from st_tf.errors import UserError
from st_tf.ticket import Ticket
from tflite.file.described import normalization
from tflite.file.metadata import LABELS
from tflite.file.runner import Runner

_WAY_OUT = 'Export it from this ticket with python -m tflite.export, and name it by --model.'
_LARGEST = 16 * 2**20  # Bytes of the labels.
_FROM_0_TO_1 = ([0.0], [255.0])


def model(path: pathlib.Path, ticket: Ticket) -> tuple[bytes, int]:
  """(content, how often each place of a map comes per direction) of a file that was exported from `ticket`, or from one like it.

  Raises:
    UserError: it cannot be read, or reads, gives or says something else than an export of the ticket.
  """
  runner = Runner.load(path)
  content = path.read_bytes()
  named = labels(content)
  if not named:
    raise UserError(f'The app takes its labels from {LABELS} in the metadata of its model. Received: {path} without it. {_WAY_OUT}')
  if named != list(ticket.task.labels):
    raise UserError(f'The labels in an app are those of its ticket. Received: others, in {path}. {_WAY_OUT}')
  if runner.image_size != tuple(ticket.input_shape[:2]):
    expected, received = ('x'.join(map(str, size)) for size in (ticket.input_shape[:2], runner.image_size))
    raise UserError(f'The file of an app reads images of the size of its ticket, {expected}. Received: {received}, in {path}. {_WAY_OUT}')
  pixels = normalization(content)
  if pixels is None or not all(map(np.array_equal, pixels, _FROM_0_TO_1)):
    raise UserError(
      f'The file of an app reads pixels from 0 to 1, and its metadata say so. Received: another normalisation, in {path}. {_WAY_OUT}'
    )
  if runner.channels != 3:
    raise UserError(f'The file of an app reads pictures in colour. Received: one of {runner.channels} channel, in {path}. {_WAY_OUT}')
  times = repeats(ticket, runner.output_shape) if runner.is_batched else 0
  if not times:
    shape = 'x'.join(map(str, runner.output_shape)) + ('' if runner.is_batched else ' without a batch')
    raise UserError(
      f'The file of an app gives what its ticket gives, for {ticket.kind}. Received: outputs of {shape}, in {path}. {_WAY_OUT}'
    )
  return content, times


def repeats(ticket: Ticket, output_shape: tuple[int, ...]) -> int:
  """How often a file gives each place of the ticket's map, per direction; 1 where there is no map, 0 where its outputs are others.

  Args:
    ticket: the ticket.
    output_shape: of the file, for one image.
  """
  *places, outputs = ticket.network.output_shape[1:]
  times = output_shape[0] // places[0] if places else 1
  return times if output_shape == (*(times * side for side in places), outputs) else 0


def labels(content: bytes) -> list[str]:
  """The labels that are packed behind a .tflite file; none where there are none."""
  try:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
      if archive.getinfo(LABELS).file_size > _LARGEST:
        return []
      return archive.read(LABELS).decode().removesuffix('\n').split('\n')
  except (zipfile.BadZipFile, KeyError, UnicodeDecodeError):
    return []

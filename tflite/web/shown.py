"""Which file of a ticket the page shows: the one that ships, where it was exported beside the ticket, or one made for the page."""

import dataclasses
import pathlib
import shlex

from st_tf.errors import UserError
from tflite import exports
from tflite.file.formats import FORMATS

_MADE = 'float32'  # Where nothing was exported.


@dataclasses.dataclass(frozen=True)
class Shown:
  """What the page shows.

  Attributes:
    format: of its numbers.
    name: of the exported file; '' = it is made from the ticket.
    sparse: whether the exported file is stored without zeros.
    content: of the exported file.
  """

  format: str = _MADE
  name: str = ''
  sparse: bool = False
  content: bytes = b''

  @property
  def form(self) -> str:
    """Which of the page's two files answers."""
    return 'sparse' if self.sparse else 'dense'


AS_MADE = Shown()


def choose(folder: pathlib.Path, fingerprint: str, wanted: str = '') -> Shown:
  """What is shown of the ticket in a folder.

  Args:
    folder: of the ticket.
    fingerprint: of the ticket.
    wanted: a number format; '' = that of the file that ships, the smallest of those that were exported, else float32.

  Raises:
    UserError: the file was changed since, or a form is wanted that only an exported file has.
  """
  there = [facts for facts in exports.beside(folder, fingerprint) if wanted in ('', facts['format'])]
  if not there:
    if wanted and not FORMATS[wanted].runs_sparsely:
      command = f'python -m tflite.export --ticket={shlex.quote(str(folder))} --format={wanted}'
      raise UserError(f'--format={wanted} shows a file that was exported from the ticket. Received: none in {folder}. Make it: {command}')
    return Shown(wanted or _MADE)
  facts = there[-1]  # The smallest.
  path = folder / facts['file']
  try:
    content = path.read_bytes()
  except OSError as error:
    raise UserError(f'A file that is shown can be read. Received: {path} ({error.strerror}). Change its rights, or export anew.') from error
  if len(content) != facts['bytes']:
    raise UserError(
      f'A file that is shown is as it was exported, {facts["bytes"]:,} bytes. Received: {path} of {len(content):,}. Remove it and export'
      ' anew, or choose another --format.'
    )
  return Shown(facts['format'], path.name, facts['sparse'], content)

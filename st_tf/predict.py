"""Says what a ticket sees in a picture: python -m st_tf.predict --ticket=FOLDER --image=FILE [--out=seen.png].

The training data is not needed. The network sees the largest middle part of the picture that has the shape it was trained for; a ticket
for joints wants a picture that one person fills.
"""

from collections.abc import Sequence
import dataclasses
import pathlib
import sys

import numpy as np
from PIL import Image

from st_tf import command, quiet
from st_tf.config import flags
from st_tf.errors import UserError
from st_tf.task.pictures import open_rgb

_BAR_COLUMNS = 24
_SHARES = {'segmentation': 'Share of the picture', 'keypoints': 'Confidence'}


@dataclasses.dataclass(frozen=True)
class Options:
  """What to look at, with what."""

  ticket: str = dataclasses.field(default='', metadata={'help': 'Folder of the ticket.'})
  image: str = dataclasses.field(default='', metadata={'help': 'Picture file.'})
  top: int = dataclasses.field(default=5, metadata={'help': 'How many labels to show.'})
  out: str = dataclasses.field(
    default='', metadata={'help': 'File for the picture with the labels of its pixels, or with the joints, drawn over it; empty = none.'}
  )

  def __post_init__(self):
    for name in ('ticket', 'image'):
      if not getattr(self, name):
        raise flags.FlagError(f'--ticket and --image are both needed. Received: no --{name}. Write --ticket=FOLDER --image=FILE.')
    if self.top < 1:
      raise flags.FlagError(f'--top is at least 1. Received: {self.top}.')


def main(argv: Sequence[str]) -> None:
  """Runs the command."""
  options = flags.read_options(argv, Options, __doc__)
  with quiet.imports():
    from st_tf.ticket import Ticket
  picture = open_rgb(pathlib.Path(options.image), options.image)
  ticket = Ticket.load(options.ticket)
  if options.out and ticket.kind == 'classification':
    raise UserError(f'--out is for what is drawn over a picture. Received: {options.out}, and a classification ticket. Leave it out.')
  prediction = ticket.predict(picture)
  guesses = prediction.guesses[: options.top]
  if options.out:
    guesses = [(f'{label} {prediction.colours[label]}', share) for label, share in guesses]
  if ticket.kind in _SHARES:
    print(_SHARES[ticket.kind])
  print('\n'.join(lines(guesses)))
  if options.out:
    save(prediction.picture, options.out)
    print(f'What is seen is drawn over the part of the picture that the network sees: {options.out}')


def save(picture: np.ndarray, path: str) -> None:
  """Writes a picture file of the kind that the name says.

  Raises:
    UserError: there is no such kind of file, or it cannot be written.
  """
  try:
    Image.fromarray(picture).save(path)
  except (OSError, ValueError) as error:
    raise UserError(
      f'--out is a picture file that can be written. Received: {path} ({error}). Write for example --out=seen.png.'
    ) from error


def lines(guesses: Sequence[tuple[str, float]], full: str | None = None) -> list[str]:
  """A line with label, bar and percentage per guess.

  Args:
    guesses: (label, probability).
    full: one column of a bar; without it a block where the terminal can print one.
  """
  full = full or _block()
  longest = max(len(label) for label, _ in guesses)
  return [f'{label:{longest}}  {full * round(_BAR_COLUMNS * share):{_BAR_COLUMNS}}  {share:6.1%}' for label, share in guesses]


def _block() -> str:
  try:
    '█'.encode(sys.stdout.encoding or 'ascii')
  except (UnicodeEncodeError, LookupError):
    return '#'
  return '█'


if __name__ == '__main__':
  command.run(main)

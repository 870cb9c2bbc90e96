"""Says what a ticket sees in a picture: python -m st_tf.predict --ticket=FOLDER --image=FILE.

The training data is not needed.
"""

from collections.abc import Sequence
import dataclasses
import pathlib
import sys

from st_tf import command, flags
from st_tf.errors import UserError
from st_tf.pictures import center_crop, normalised, open_rgb
from st_tf.task import most_likely

_BAR_COLUMNS = 24


@dataclasses.dataclass(frozen=True)
class Options:
  """What to look at, with what."""

  ticket: str = dataclasses.field(default='', metadata={'help': 'Folder of the ticket.'})
  image: str = dataclasses.field(default='', metadata={'help': 'Picture file.'})
  top: int = dataclasses.field(default=5, metadata={'help': 'How many labels to show.'})

  def __post_init__(self):
    for name in ('ticket', 'image'):
      if not getattr(self, name):
        raise flags.FlagError(f'--ticket and --image are both needed. Received: no --{name}. Write --ticket=FOLDER --image=FILE.')
    if self.top < 1:
      raise flags.FlagError(f'--top is at least 1. Received: {self.top}.')


def main(argv: Sequence[str]) -> None:
  """Runs the command."""
  options = flags.read_options(argv, Options, __doc__)
  with command.quiet_imports():
    from st_tf.ticket import Ticket
  picture = open_rgb(pathlib.Path(options.image), options.image)
  ticket = Ticket.load(options.ticket)
  if ticket.head.kind != 'classification':
    raise UserError(f'Labels of a whole picture come from a classification ticket. Received: one with a {ticket.head.kind} head.')
  size = ticket.input_shape[:2]
  image = normalised(center_crop(picture, size, ticket.task.get('keep', 1.0)), ticket.task['mean'], ticket.task['deviation'])
  logits = ticket.build_model()(image[None], training=False).numpy()[0]
  print('\n'.join(lines(most_likely(logits, ticket.task['labels'], options.top))))


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

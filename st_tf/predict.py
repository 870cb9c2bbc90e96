"""Says what a ticket sees in pictures.

python -m st_tf.predict --ticket=FOLDER picture.jpg [further pictures or folders of pictures] [--out=seen.csv]

The training data is not needed. The network sees the largest middle part of a picture that has the shape it was trained for; a ticket
for joints wants a picture that one person fills. Of several pictures a line each is said, and those that cannot be read are named at the
end.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
import csv
import dataclasses
import io
import json
import os
import pathlib
import sys
from typing import Any

import numpy as np
from PIL import Image

from st_tf import command, files, quiet
from st_tf.config import flags, named_files
from st_tf.errors import UserError
from st_tf.task.pictures import CONVERT_HEIC, HEIC_SUFFIXES, SUFFIXES, open_rgb, shown, walk

_BAR_COLUMNS = 24
_SHOWN = 5
_AT_ONCE = 8  # Photographs in memory.
_SHARES = {'segmentation': 'Share of the picture', 'keypoints': 'Confidence'}
_TABLES = ('.csv', '.json')

Guesses = Sequence[tuple[str, float]]


@dataclasses.dataclass(frozen=True)
class Options:
  """What to look at, with what."""

  ticket: str = dataclasses.field(default='', metadata={'help': 'Folder of the ticket.'})
  image: str = dataclasses.field(
    default='', metadata={'help': 'Picture file, or a folder of them; more of them may follow without a flag.'}
  )
  top: int = dataclasses.field(default=0, metadata={'help': 'How many labels to show; 0 = 5 of one picture, 1 of each of several.'})
  out: str = dataclasses.field(
    default='',
    metadata={
      'help': 'A .csv or .json file for the answers; or, of segmentation and keypoints, a picture file (of several pictures: a folder) for'
      ' what is seen, drawn over the pictures. Empty = none.'
    },
  )

  def __post_init__(self):
    if self.top < 0:
      raise flags.FlagError(f'--top is at least 0. Received: {self.top}.')

  @property
  def is_table(self) -> bool:
    """Whether answers are written, and not pictures."""
    return pathlib.Path(self.out).suffix.lower() in _TABLES

  def check_place(self, single: bool) -> None:
    """Refuses an `out` that could not be written, before anything is looked at.

    Args:
      single: whether one picture is.

    Raises:
      UserError: its folder is not there, or it is none where several pictures are drawn.
    """
    folder = os.path.dirname(os.path.abspath(self.out))
    if self.out and not os.path.isdir(folder):
      raise UserError(f'--out is written into a folder that is there. Received: {shown(self.out)}. Create {shown(folder)} first.')
    drawn = self.out and not self.is_table and not single
    if drawn and (os.path.isfile(self.out) or self.out.lower().endswith(SUFFIXES)):
      raise UserError(f'--out of several pictures is a folder. Received: {shown(self.out)}. Write for example --out=seen.')


def main(argv: Sequence[str]) -> int:
  """Runs the command; the exit code is 0, or 1 where one of several pictures could not be read."""
  options, words = flags.read_options_and_words(argv, Options, __doc__)
  given = [*filter(None, [options.image]), *words]
  if not (options.ticket and given):
    missing = 'pictures' if options.ticket else '--ticket'
    raise flags.FlagError(f'A ticket and pictures are needed. Received: no {missing}. Write --ticket=FOLDER picture.jpg.')
  paths = [path for name in given for path in pictures(name, len(given) > 1)]
  single = len(paths) == 1 and not files.expanded(given[0]).is_dir()
  named_files.check_ticket(options.ticket)
  options.check_place(single)
  with quiet.imports():
    from st_tf.ticket import Ticket
  ticket = Ticket.load(options.ticket)
  if options.out and not options.is_table and ticket.kind == 'classification':
    raise UserError(
      f'--out is for what is drawn over a picture, or for a .csv or .json file. Received: {options.out}, and a classification ticket.'
      ' Write --out=seen.csv, or leave it out.'
    )
  if single:
    prediction = ticket.predict(open_rgb(paths[0], str(paths[0])))
    _say_one(prediction, ticket, options)
    seen = [(paths[0], prediction.guesses)]
  else:
    seen = list(_say_several(paths, ticket, options))
  if options.is_table:
    write_table(seen, options.top or (_SHOWN if single else 1), options.out)
    print(f'Answers are in {options.out}')
  return 0 if len(seen) == len(paths) else 1


def pictures(name: str, among_others: bool = False) -> list[pathlib.Path]:
  """The picture file of that name, or all in the folder of that name and in those in it, in order; says what is passed over.

  Args:
    name: of a file or folder.
    among_others: whether a file that is not there is told at the end, with others that cannot be read.

  Raises:
    UserError: there is no such file or folder, or the folder has no pictures.
  """
  path = files.expanded(name)
  if not path.is_dir():
    if not path.exists() and not among_others:
      raise UserError(f'An image is a file that exists. Received: {shown(name)}. Correct the path.')
    return [path]
  found, others = [], Counter()
  for folder, names in walk(path):
    found += [pathlib.Path(folder, entry) for entry in names if entry.lower().endswith(SUFFIXES)]
    others.update(pathlib.Path(entry).suffix.lower() or 'without an ending' for entry in names if not entry.lower().endswith(SUFFIXES))
  if others:
    counted = ', '.join(f'{count:,} {shown(ending)}' for ending, count in others.most_common(_SHOWN))
    convert = f'. {CONVERT_HEIC}' if others.keys() & {*HEIC_SUFFIXES} else ''
    print(f'note: passed over in {shown(path)}: {counted}{convert}', file=sys.stderr)
  if not found:
    raise UserError(f'A folder holds pictures ({", ".join(SUFFIXES)}). Received: none in {shown(path)}. Name another, or a picture file.')
  return found


def _say_one(prediction: Any, ticket: Any, options: Options) -> None:
  draws = bool(options.out) and not options.is_table
  guesses = prediction.guesses[: options.top or _SHOWN]
  if draws:
    guesses = [(f'{label} {prediction.colours[label]}', share) for label, share in guesses]
  if ticket.kind in _SHARES:
    print(_SHARES[ticket.kind])
  print('\n'.join(lines(guesses)))
  if draws:
    save(prediction.picture, options.out)
    print(f'What is seen is drawn over the part of the picture that the network sees: {options.out}')


def _say_several(paths: Sequence[pathlib.Path], ticket: Any, options: Options) -> Iterator[tuple[pathlib.Path, Guesses]]:
  """(path, guesses) of every picture that can be read, each said as it comes."""
  folder = pathlib.Path(options.out) if options.out and not options.is_table else None
  broken, drawn = [], set()
  if folder:
    folder.mkdir(exist_ok=True)
  for path, prediction in _predictions(paths, ticket, broken):
    said = ', '.join(f'{label} {share:.1%}' for label, share in prediction.guesses[: options.top or 1])
    print(f'{shown(path)}  {said}', flush=True)
    if folder:
      stem = next(name for name in _stems(path.stem) if name not in drawn)
      drawn.add(stem)
      save(prediction.picture, str(folder / f'{stem}.png'))
    yield path, prediction.guesses
  for message in broken:
    print(f'error: {message}', file=sys.stderr)


def _predictions(paths: Sequence[pathlib.Path], ticket: Any, broken: list[str]) -> Iterator[tuple[pathlib.Path, Any]]:
  """(path, prediction) of every picture that can be read, a few pictures at a time; what is said of the others joins `broken`."""
  for start in range(0, len(paths), _AT_ONCE):
    read = []
    for path in paths[start : start + _AT_ONCE]:
      try:
        read.append((path, open_rgb(path, str(path))))
      except UserError as error:
        broken.append(str(error))
    found = ticket.predict([picture for _, picture in read])
    yield from zip([path for path, _ in read], found, strict=True)


def _stems(stem: str) -> Iterator[str]:
  """Names for pictures whose files are called the same, in several folders."""
  yield stem
  number = 2
  while True:
    yield f'{stem}_{number}'
    number += 1


def write_table(seen: Sequence[tuple[pathlib.Path, Guesses]], top: int, path: str) -> None:
  """Writes answers as CSV, a line per guess, or as JSON, an object per picture.

  Args:
    seen: (picture, guesses).
    top: guesses of each.
    path: ends in .csv or .json.

  Raises:
    UserError: it cannot be written.
  """
  rows = [(shown(picture), guesses[:top]) for picture, guesses in seen]
  text = io.StringIO()
  if path.lower().endswith('.json'):
    found = [{'picture': picture, 'guesses': [{'label': label, 'share': share} for label, share in guesses]} for picture, guesses in rows]
    json.dump(found, text, indent=2, ensure_ascii=False)
  else:
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(('picture', 'rank', 'label', 'share'))
    for picture, guesses in rows:
      writer.writerows((picture, rank, label, f'{share:.6f}') for rank, (label, share) in enumerate(guesses, 1))
  try:
    files.write_text(pathlib.Path(path), text.getvalue())
  except OSError as error:
    raise UserError(f'--out is a file that can be written. Received: {path} ({error}). Write for example --out=seen.csv.') from error


def save(picture: np.ndarray, path: str) -> None:
  """Writes a picture file of the kind that the name says.

  Raises:
    UserError: there is no such kind of file, or it cannot be written.
  """
  content, suffix = io.BytesIO(), pathlib.Path(path).suffix
  try:
    kind = Image.registered_extensions().get(suffix.lower())
    if not kind:
      raise ValueError(f'unknown file extension: {suffix}')
    # Not into the file itself: of some kinds Pillow writes without a word what there is room for.
    Image.fromarray(picture).save(content, kind)
    files.write_bytes(pathlib.Path(path), content.getvalue())
  except (OSError, ValueError, KeyError) as error:
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

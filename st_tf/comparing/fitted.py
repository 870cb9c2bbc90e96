"""A table in a terminal's width: titles and names are wrapped, and columns that have no room stand below in a table of their own."""

from collections.abc import Sequence
import re
import shutil
import textwrap

_KEYS = 2  # Columns that every part begins with: they say which row it is.
_GAP = '  '
_LEAST_NAME = 14
_WITHOUT_TERMINAL = 120  # Columns, of a file for example.


def width() -> int:
  """Columns of the terminal, or as many as a file may have."""
  return shutil.get_terminal_size((_WITHOUT_TERMINAL, 0)).columns


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], room: int) -> list[str]:
  """Lines of the table.

  Args:
    titles: of the columns, of which the first ones say which row it is.
    rows: cells.
    room: columns of the terminal.
  """
  widths = [max(map(len, [*(row[index] for row in rows), *title.split()])) for index, title in enumerate(titles)]
  others = widths[1:]
  whole = widths[0] + sum(others) + len(_GAP) * len(others)
  if whole > room:  # What names give up is what the widest of the parts below lacks, down to what can still be read.
    least = sum(others[: _KEYS - 1]) + max(others[_KEYS - 1 :], default=0) + len(_GAP) * _KEYS
    spare = room - (whole - widths[0])
    widths[0] = min(widths[0], max(_LEAST_NAME, spare if spare >= _LEAST_NAME else min(room - least, room // 3)))
  lines: list[str] = []
  for part in _parts(widths, room):
    chosen = [*range(_KEYS), *part]
    lines += [''] if lines else []
    cells = [textwrap.wrap(titles[index], widths[index]) for index in chosen]
    lines += _lines(cells, [widths[index] for index in chosen], at_end=True)
    for row in rows:
      cells = [_wrapped(row[index], widths[index]) for index in chosen]
      lines += _lines(cells, [widths[index] for index in chosen])
  return lines


def text(line: str, room: int) -> str:
  """A line of words in lines that fit."""
  return textwrap.fill(line, max(room, _LEAST_NAME), subsequent_indent=_GAP, break_on_hyphens=False, break_long_words=False)


def _parts(widths: Sequence[int], room: int) -> list[list[int]]:
  """Columns, beside those of every part, that fit beside each other."""
  begun = sum(widths[:_KEYS]) + len(_GAP) * (_KEYS - 1)
  parts: list[list[int]] = []
  left = 0
  for index in range(_KEYS, len(widths)):
    taken = widths[index] + len(_GAP)
    if not parts or taken > left:
      parts.append([])
      left = room - begun
    parts[-1].append(index)
    left -= taken
  return parts


def _lines(cells: Sequence[Sequence[str]], widths: Sequence[int], at_end: bool = False) -> list[str]:
  """The lines of one row, of which a cell may have several: the first column to the left, the others to the right."""
  height = max(map(len, cells))
  columns = [[''] * (height - len(cell)) + [*cell] if at_end else [*cell] + [''] * (height - len(cell)) for cell in cells]
  padded = [[piece.ljust(width) for piece in column] for column, width in zip(columns[:1], widths)]
  padded += [[piece.rjust(width) for piece in column] for column, width in zip(columns[1:], widths[1:])]
  return [_GAP.join(pieces).rstrip() for pieces in zip(*padded)]


def _wrapped(name: str, room: int) -> list[str]:
  """A name in lines, broken behind a colon or a space where it can be."""
  lines = ['']
  for piece in re.findall(r'[^: ]*[: ]?', name):
    if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > room:
      lines.append('')
    lines[-1] += piece
    while len(lines[-1].rstrip()) > room:
      lines[-1:] = [lines[-1][:room], lines[-1][room:]]
  return [line.rstrip() for line in lines]

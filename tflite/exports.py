"""What is known of the files that were exported from a ticket, side by side."""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
import pathlib
from typing import Any

from st_tf import plain, wording

_ENDING = '.export.json'
# What of the facts is shown here.
_SHOWN = ('ticket', 'format', 'sparse', 'bytes', 'gzipped', 'validation', 'ticket_validation', 'wasm_milliseconds', 'storage')
_HEAD = ('format', 'kernels', 'validation', 'ticket', 'size', 'gzipped', 'in wasm', 'file')


@dataclasses.dataclass(frozen=True)
class Exported:
  """What is known of a file, as the JSON beside it has it.

  Attributes:
    ticket: fingerprint of its ticket.
    format: of its numbers.
    sparse: whether kernels are stored without their zeros.
    sparse_verified: whether a runtime was seen to run these sparsely; None where the file is dense.
    storage: why it is stored so.
    wasm_milliseconds: (dense, sparse) median per image in wasm; None where that was not measured.
    graph: what was done to the network.
    repeats: how often each pixel of a map comes, per direction.
    bytes: of the file.
    gzipped: bytes of the file, compressed.
    lower_bound: bytes of the non-zero values and of one bit per position.
    largest_difference: of the outputs from the ticket's, as a share of the largest.
    validation: the file's score on the validation split, by name.
    ticket_validation: the ticket's.
  """

  ticket: str
  format: str
  sparse: bool
  sparse_verified: bool | None
  storage: str
  wasm_milliseconds: Sequence[float | None] | None
  graph: str
  repeats: int
  bytes: int
  gzipped: int
  lower_bound: int
  largest_difference: float
  validation: Mapping[str, float]
  ticket_validation: Mapping[str, float]


def facts_path(file: pathlib.Path) -> pathlib.Path:
  """Where the facts of a file go; no ticket has a file of that name."""
  return file.with_name(f'{file.stem}{_ENDING}')


def beside(folder: pathlib.Path, fingerprint: str) -> list[dict[str, Any]]:
  """The facts of each file of a ticket that lies in a folder, with its name as 'file', the largest first.

  Args:
    folder: where to look; facts without their file, of other tickets or unreadable are passed over.
    fingerprint: of the ticket.
  """
  files = (path.with_name(f'{path.name.removesuffix(_ENDING)}.tflite') for path in sorted(folder.glob(f'*{_ENDING}')))
  found = [facts | {'file': file.name} for file in files if (facts := known(file, fingerprint))]
  return sorted(found, key=lambda facts: -facts['bytes'])


def known(file: pathlib.Path, fingerprint: str) -> dict[str, Any]:
  """The facts of a file that was exported from the ticket of that fingerprint; nothing where it is none, or they are not there."""
  facts = _read(facts_path(file)) if file.is_file() else {}
  return facts if facts.get('ticket') == fingerprint else {}


def _read(path: pathlib.Path) -> dict[str, Any]:
  try:
    facts = plain.read(path)
    plain.check(facts, Exported, path.name)
    is_whole = all(name in facts for name in _SHOWN) and facts['validation'] and facts['ticket_validation']
    return facts if is_whole and len(facts['wasm_milliseconds'] or (None, None)) == 2 else {}
  except ValueError:
    return {}


def rows(exports: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
  """What the facts say, in words; the first row says what of each."""
  return [_HEAD, *map(_row, exports)]


def lines(exports: Sequence[Mapping[str, Any]]) -> Iterator[str]:
  """The rows in columns for a terminal."""
  told = rows(exports)
  widths = [max(map(len, column)) for column in zip(*told)]
  for row in told:
    yield '  '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()


def _row(facts: Mapping[str, Any]) -> tuple[str, ...]:
  (metric, reached), expected = next(iter(facts['validation'].items())), next(iter(facts['ticket_validation'].values()))
  times = facts.get('wasm_milliseconds')
  taken = times[1 if facts['sparse'] else 0] if times else None
  return (
    facts['format'],
    'sparse' if facts['sparse'] else 'dense',
    wording.score(metric, reached),
    wording.score(metric, expected),
    wording.size(facts['bytes']),
    wording.size(facts['gzipped']),
    '-' if taken is None else f'{taken:.3g} ms',
    facts['file'],
  )

"""What a command prints: names and labels that come from files move no cursor, and are printed whatever the terminal can show."""

import re
import sys
from typing import Any, TextIO

# All but line breaks, tabulators and the return of the progress bars.
_CONTROLS = re.compile('[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]')
_UP = '\x1b[A'  # What progress bars go up by; harmless alone.


def visible(text: str) -> str:
  """Text with its control characters written out: '\\x1b'."""
  return _CONTROLS.sub(lambda found: found[0].encode('unicode_escape').decode(), text)


def guard() -> None:
  """Lets standard output and errors of this process show control characters, and what their encoding has not, written out."""
  sys.stdout, sys.stderr = _Guarded(sys.stdout), _Guarded(sys.stderr)


class _Guarded:
  """A stream that writes visible text."""

  def __init__(self, stream: TextIO):
    self._stream = stream
    if hasattr(stream, 'reconfigure'):
      stream.reconfigure(errors='backslashreplace')

  def write(self, text: str) -> int:
    self._stream.write(_UP.join(map(visible, text.split(_UP))))
    return len(text)

  def writelines(self, lines: Any) -> None:
    for line in lines:
      self.write(line)

  def __getattr__(self, name: str) -> Any:
    return getattr(self._stream, name)

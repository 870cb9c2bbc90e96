"""A .tflite file as bytes: how it is told from others, and read."""

import pathlib

from st_tf.errors import UserError

IDENTIFIER = b'TFL3'
_IDENTIFIER_AT = slice(4, 8)


class ModelFileError(UserError):
  """A file that is no .tflite model, or none of what it is wanted for."""


def load(path: str | pathlib.Path) -> bytes:
  """The bytes of a file, whatever it is.

  Raises:
    ModelFileError: it cannot be read.
  """
  try:
    return pathlib.Path(path).expanduser().read_bytes()
  except OSError as error:
    raise ModelFileError(f'A .tflite file is a file that can be read. Received: {path} ({error.strerror}).') from error


def check(content: bytes, name: str) -> None:
  """Looks whether bytes are a .tflite file, as far as its first ones tell; `name` is what messages call it.

  Raises:
    ModelFileError: they are none.
  """
  if content[_IDENTIFIER_AT] != IDENTIFIER:
    raise ModelFileError(f'A .tflite file carries the identifier {IDENTIFIER.decode()} in bytes 4 to 8. Received: {name} without it.')

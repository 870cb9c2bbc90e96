"""A .tflite file as bytes: how it is told from others, and read."""

import pathlib

from st_tf.config import named_files
from st_tf.errors import UserError
from st_tf.files import expanded

IDENTIFIER = b'TFL3'
SERVING = 'serving_default'  # What TensorFlow's converter calls the graph that is meant where nobody chooses.
_IDENTIFIER_AT = slice(4, 8)
_LARGEST = 2**31  # Bytes: what the format can hold.
_CONVERT = "Convert what is in it with TensorFlow's converter"
# (first bytes, what has them, the way out).
_OTHERS = (
  (b'', 'which is empty', 'Copy or convert it again'),
  (b'PK\x03\x04', 'which is a ZIP archive, such as a .keras, .task or .pt file', f'Unpack it. {_CONVERT}'),
  (b'\x89HDF', 'which is an HDF5 file, such as Keras writes', _CONVERT),
  (b'\x1f\x8b', 'which is compressed by gzip', 'Unpack it'),
  (b'version https://git-lfs', 'which is a pointer of Git LFS', 'Fetch the file itself: git lfs pull'),
  (b'<', 'which is a page of HTML or XML', 'Download the file itself'),
  (b'{', 'which is JSON', 'Download the file itself'),
  (b'\x08', 'which may be an ONNX model', 'onnx2tf makes a .tflite file of one'),
)


class ModelFileError(UserError):
  """A file that is no .tflite model, or none of what it is wanted for."""


def load(path: str | pathlib.Path) -> bytes:
  """The bytes of a file, whatever it is.

  Raises:
    ModelFileError: it cannot be read.
  """
  missing = named_files.missing_file(path)
  if missing:
    raise ModelFileError(missing)
  file = expanded(path)
  try:
    if not file.is_dir() and (not file.is_file() or file.stat().st_size > _LARGEST):
      raise ModelFileError(f'A .tflite file is a file of at most 2 GiB. Received: {path}, which is none. Choose another.')
    return file.read_bytes()
  except OSError as error:
    raise ModelFileError(named_files.unreadable(path, error)) from error


def check(content: bytes, name: str) -> None:
  """Looks whether bytes are a .tflite file, as far as its first ones tell; `name` is what messages call it.

  Raises:
    ModelFileError: they are none.
  """
  if content[_IDENTIFIER_AT] == IDENTIFIER:
    return
  start, rule = content.lstrip(b'\xef\xbb\xbf \t\r\n'), f'A .tflite file carries the identifier {IDENTIFIER.decode()} in bytes 4 to 8'
  found = next(((what, out) for first, what, out in _OTHERS if (start.startswith(first) if first else not content)), None)
  what, out = found or ('without it', 'Choose a .tflite file')
  raise ModelFileError(f'{rule}. Received: {name}{"" if what.startswith("without") else ","} {what}. {out}.')

"""What the metadata of a .tflite file say: how pixels are normalised, and what its outputs are called.

The tables are those of the published `metadata_schema.fbs`, read by their field numbers as `metadata` writes them.
"""

import io
import re
import zipfile

import flatbuffers
from flatbuffers import number_types
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from tflite.file.model_file import ModelFileError

NAME = 'TFLITE_METADATA'
NORMALIZATION, AXIS_LABELS, _VALUE_LABELS = 1, 2, 3  # Members of the schema's unions and enumerations.
_INPUTS, _OUTPUTS = 2, 3  # Fields of a graph's metadata.
# What a text is called that can only have labels.
_LIKE_LABELS = re.compile(r'label|classes|class_?names|categor|synset|^names', re.IGNORECASE)
_LARGEST = 16 * 2**20  # Bytes of a text with labels.


def normalization(content: bytes, graph: int = 0) -> tuple[np.ndarray, np.ndarray] | None:
  """(mean, deviation), of one number or one per channel, that a file's metadata wants pixels from 0 to 255 normalised with.

  None where the file says nothing of it.

  Raises:
    ModelFileError: the metadata are damaged.
  """
  try:
    for image in _tensors(content, graph, _INPUTS)[:1]:
      units = [unit.table(1) for unit in image.tables(4) if unit.byte(0) == NORMALIZATION]
      return (units[0].floats(0, 0.0), units[0].floats(1, 1.0)) if units else None
  except Exception as error:  # Reading raises whatever the damaged bytes lead it to.
    raise _damaged(error) from error
  return None


def labels(content: bytes, graph: int = 0, output: int = 0, count: int = 0) -> tuple[str, bytes] | None:
  """(name, text) of the file with the names of an output's numbers, which is packed behind a model; None where there is none.

  Args:
    content: the file.
    graph: its place among the file's graphs.
    output: its place among the graph's outputs.
    count: how many numbers it has; without metadata, a text of so many lines is taken for their names.

  Raises:
    ModelFileError: the metadata or what is packed are damaged, or several files may be the labels.
  """
  try:
    files = [file for tensor in _tensors(content, graph, _OUTPUTS)[output : output + 1] for file in tensor.tables(6)]
    named = [(file.text(3), file.text(0)) for file in files if file.byte(2) in (AXIS_LABELS, _VALUE_LABELS)]
    packed = zipfile.ZipFile(io.BytesIO(content)) if zipfile.is_zipfile(io.BytesIO(content)) else None
    if packed is None:
      if named:
        raise ValueError(f'{min(named)[1]} is named, and not there')
      return None
    # Those of no language come first.
    name = min(named)[1] if named else _unnamed(packed, count)
    return (name, _text(packed, name)) if name else None
  except ModelFileError:
    raise
  except Exception as error:
    raise _damaged(error) from error


def _unnamed(packed: zipfile.ZipFile, count: int) -> str:
  """The text with labels that was packed without metadata, by its name or its lines, of which a licence has others; '' = none."""
  texts = [name for name in packed.namelist() if name.lower().endswith('.txt')]
  called = [name for name in packed.namelist() if _LIKE_LABELS.search(name.rpartition('/')[2])]
  if called:
    found = [name for name in called if name in texts]
    if len(found) != 1:
      raise ModelFileError(
        f'Labels in a file are one text with a name per line. Received: {", ".join(called)}. Save the names of its outputs as text.'
      )
    return found[0]
  return texts[0] if len(texts) == 1 and len(_text(packed, texts[0]).rstrip().splitlines()) == count else ''


def _text(packed: zipfile.ZipFile, name: str) -> bytes:
  if packed.getinfo(name).file_size > _LARGEST:
    raise ValueError(f'{name} of {packed.getinfo(name).file_size:,} bytes')
  return packed.read(name)


def _damaged(error: Exception) -> ModelFileError:
  return ModelFileError(
    f'The metadata of a .tflite file can be read. Received: damaged ones ({type(error).__name__}: {error}). Copy or convert it again.'
  )


def _tensors(content: bytes, graph: int, field: int) -> list['_Table']:
  """What is said of each input, or of each output, of a graph."""
  model = schema.Model.GetRootAs(content, 0)
  for i in range(model.MetadataLength()):
    if model.Metadata(i).Name() == NAME.encode():
      buffer = model.Buffers(model.Metadata(i).Buffer()).DataAsNumpy()
      graphs = [] if isinstance(buffer, int) else _Table.root(buffer.tobytes()).tables(3)
      return graphs[graph].tables(field) if graph < len(graphs) else []
  return []


class _Table:
  """A table of a flatbuffer, by field number."""

  def __init__(self, buffer: bytes, position: int):
    self._table = flatbuffers.table.Table(buffer, position)

  @classmethod
  def root(cls, buffer: bytes) -> '_Table':
    return cls(buffer, flatbuffers.encode.Get(flatbuffers.packer.uoffset, buffer, 0))

  def byte(self, field: int) -> int:
    at = self._table.Offset(4 + 2 * field)
    return self._table.Get(number_types.Uint8Flags, at + self._table.Pos) if at else 0

  def table(self, field: int) -> '_Table':
    return _Table(self._table.Bytes, self._table.Indirect(self._table.Offset(4 + 2 * field) + self._table.Pos))

  def tables(self, field: int) -> list['_Table']:
    at = self._table.Offset(4 + 2 * field)
    places = range(self._table.VectorLen(at)) if at else ()
    return [_Table(self._table.Bytes, self._table.Indirect(self._table.Vector(at) + 4 * place)) for place in places]

  def floats(self, field: int, absent: float) -> np.ndarray:
    at = self._table.Offset(4 + 2 * field)
    return self._table.GetVectorAsNumpy(number_types.Float32Flags, at) if at else np.float32([absent])

  def text(self, field: int) -> str:
    at = self._table.Offset(4 + 2 * field)
    return self._table.String(at + self._table.Pos).decode() if at else ''

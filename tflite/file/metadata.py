"""TFLite metadata: what MediaPipe Tasks and Android Studio want to know of a model.

The tables are those of the published `metadata_schema.fbs` (file identifier M001), written with flatbuffers by their field
numbers; no maintained writer for Python installs here. Labels are a text file, zipped behind the model, as the schema's
documentation says.
"""

from collections.abc import Sequence
import dataclasses
import io
import zipfile

import flatbuffers
from flatbuffers import number_types
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from tflite.file.model_file import IDENTIFIER

LABELS = 'labels.txt'
NAME = 'TFLITE_METADATA'
_METADATA_IDENTIFIER = b'M001'
_PARSER_VERSION = '1.0.0'
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
# Members of the schema's unions and enumerations.
_FEATURE, _IMAGE, _NORMALIZATION, _RGB, _AXIS_LABELS = 1, 2, 1, 1, 2
# (name, description) of the output.
_OUTPUTS = {
  'classification': ('logits', 'Unnormalised log-probability of each label.'),
  'segmentation': ('masks', 'Unnormalised log-probability of each label at each place of the image.'),
  'keypoints': ('heatmaps', 'Confidence that each joint is at each place of the image.'),
}


@dataclasses.dataclass(frozen=True)
class Description:
  """What is said of a model that reads pixels from 0 to 1.

  Attributes:
    name: of the model.
    text: what it is, for people.
    image_size: (height, width) in pixels.
    labels: of the outputs, in order.
    kind: what the outputs are, one of `st_tf.task.KINDS`.
  """

  name: str
  text: str
  image_size: tuple[int, int]
  labels: Sequence[str]
  kind: str = 'classification'


def with_metadata(content: bytes, description: Description) -> bytes:
  """The .tflite file `content` with metadata in it and its labels behind it."""
  model = schema.ModelT.InitFromPackedBuf(content, 0)
  buffer = schema.BufferT()
  buffer.data = packed(description)
  model.buffers.append(buffer)
  entry = schema.MetadataT()
  entry.name, entry.buffer = NAME, len(model.buffers) - 1
  model.metadata = [other for other in model.metadata or [] if _text(other.name) != NAME] + [entry]
  builder = flatbuffers.Builder(len(content) + 4096)
  builder.Finish(model.Pack(builder), IDENTIFIER)
  file = io.BytesIO(bytes(builder.Output()))
  with zipfile.ZipFile(file, 'a') as archive:
    archive.writestr(zipfile.ZipInfo(LABELS, _LONG_AGO), '\n'.join(description.labels) + '\n')
  return file.getvalue()


def normalization(content: bytes) -> tuple[np.ndarray, np.ndarray] | None:
  """(mean, deviation), of one number or one per channel, that a file's metadata wants pixels from 0 to 255 normalised with.

  None where the file says nothing of it.
  """
  model = schema.Model.GetRootAs(content, 0)
  for i in range(model.MetadataLength()):
    if model.Metadata(i).Name() == NAME.encode():
      buffer = model.Buffers(model.Metadata(i).Buffer()).DataAsNumpy().tobytes()
      for subgraph in _Table.root(buffer).tables(3)[:1]:
        for image in subgraph.tables(2)[:1]:
          units = [unit for unit in image.tables(4) if unit.byte(0) == _NORMALIZATION]
          return (units[0].table(1).floats(0), units[0].table(1).floats(1)) if units else None
  return None


def packed(description: Description) -> bytes:
  """The flatbuffer of a ModelMetadata."""
  write = _Writer()
  height, width = description.image_size
  image = write.table(
    {
      0: write.text('image'),
      1: write.text('The picture, with pixels from 0 to 255 before normalization.'),
      3: write.table({1: write.table({1: write.table({0: width, 1: height}, kinds='uu'), 0: _RGB}, kinds='bo'), 0: _IMAGE}, kinds='bo'),
      4: write.tables([write.table({1: write.table({0: write.floats([0.0]), 1: write.floats([255.0])}), 0: _NORMALIZATION}, 'bo')]),
      5: write.table({0: write.floats([1.0]), 1: write.floats([0.0])}),
    }
  )
  name, meaning = _OUTPUTS[description.kind]
  labels = write.table({0: write.text(LABELS), 1: write.text('Names of the outputs.'), 2: _AXIS_LABELS}, kinds='oob')
  scores = write.table(
    {
      0: write.text(name),
      1: write.text(meaning),
      3: write.table({1: write.table({}), 0: _FEATURE}, kinds='bo'),
      6: write.tables([labels]),
    }
  )
  subgraph = write.table({2: write.tables([image]), 3: write.tables([scores])})
  whole = {0: write.text(description.name), 1: write.text(description.text), 3: write.tables([subgraph]), 7: write.text(_PARSER_VERSION)}
  return write.finished(write.table(whole))


def _text(value: bytes | str) -> str:
  return value.decode() if isinstance(value, bytes) else value


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

  def floats(self, field: int) -> np.ndarray:
    at = self._table.Offset(4 + 2 * field)
    return self._table.GetVectorAsNumpy(number_types.Float32Flags, at)


class _Writer:
  """Tables of a flatbuffer by field number; children are written before the tables that hold them."""

  def __init__(self):
    self._builder = flatbuffers.Builder(1024)

  def text(self, value: str) -> int:
    return self._builder.CreateString(value)

  def floats(self, values: Sequence[float]) -> int:
    return self._vector(values, self._builder.PrependFloat32)

  def tables(self, offsets: Sequence[int]) -> int:
    return self._vector(offsets, self._builder.PrependUOffsetTRelative)

  def table(self, fields: dict[int, int], kinds: str = '') -> int:
    """Fields by number; `kinds` of the fields 0, 1, ...: o(ffset, where it says nothing), b(yte) or u(int)."""
    to = self._builder
    puts = {'o': to.PrependUOffsetTRelativeSlot, 'b': to.PrependUint8Slot, 'u': to.PrependUint32Slot}
    to.StartObject(max(fields, default=-1) + 1)
    for number, value in sorted(fields.items(), reverse=True):
      kind = kinds[number] if number < len(kinds) else 'o'
      puts[kind](number, value, 0)
    return self._builder.EndObject()

  def finished(self, root: int) -> bytes:
    self._builder.Finish(root, _METADATA_IDENTIFIER)
    return bytes(self._builder.Output())

  def _vector(self, values: Sequence, prepend) -> int:
    self._builder.StartVector(4, len(values), 4)
    for value in reversed(values):
      prepend(value)
    return self._builder.EndVector()

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
from tensorflow.lite.python import schema_py_generated as schema

from tflite.file.described import AXIS_LABELS, NAME, NORMALIZATION
from tflite.file.model_file import IDENTIFIER

LABELS = 'labels.txt'
_METADATA_IDENTIFIER = b'M001'
_PARSER_VERSION = '1.0.0'
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
# Members of the schema's unions and enumerations.
_FEATURE, _IMAGE, _RGB = 1, 2, 1
# (name, description) of the output.
_OUTPUTS = {
  'classification': ('logits', 'Unnormalised log-probability of each label.'),
  'segmentation': ('masks', 'Unnormalised log-probability of each label at each place of the image.'),
  'keypoints': ('heatmaps', 'Confidence that each joint is at each place of the image.'),
}


@dataclasses.dataclass(frozen=True)
class Description:
  """What is said of a model.

  Attributes:
    name: of the model.
    text: what it is, for people.
    image_size: (height, width) in pixels.
    labels: of the outputs, in order.
    kind: what the outputs are, one of `st_tf.task.KINDS`.
    mean: that is subtracted from pixels from 0 to 255, of all channels or per channel; as it is, pixels from 0 to 1 are wanted.
    deviation: that they are divided by then, likewise.
  """

  name: str
  text: str
  image_size: tuple[int, int]
  labels: Sequence[str]
  kind: str = 'classification'
  mean: Sequence[float] = (0.0,)
  deviation: Sequence[float] = (255.0,)


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


def packed(description: Description) -> bytes:
  """The flatbuffer of a ModelMetadata."""
  write = _Writer()
  height, width = description.image_size
  mean, deviation = description.mean, description.deviation
  least, most = ([(pixel - middle) / spread for middle, spread in zip(mean, deviation)] for pixel in (0, 255))
  image = write.table(
    {
      0: write.text('image'),
      1: write.text('The picture, with pixels from 0 to 255 before normalization.'),
      3: write.table({1: write.table({1: write.table({0: width, 1: height}, kinds='uu'), 0: _RGB}, kinds='bo'), 0: _IMAGE}, kinds='bo'),
      4: write.tables([write.table({1: write.table({0: write.floats(mean), 1: write.floats(deviation)}), 0: NORMALIZATION}, 'bo')]),
      5: write.table({0: write.floats(most), 1: write.floats(least)}),
    }
  )
  name, meaning = _OUTPUTS[description.kind]
  labels = write.table({0: write.text(LABELS), 1: write.text('Names of the outputs.'), 2: AXIS_LABELS}, kinds='oob')
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

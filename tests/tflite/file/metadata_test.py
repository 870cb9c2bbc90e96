"""The tables are read back with flatbuffers alone, by the field numbers of the published schema."""

import dataclasses
import io
import zipfile

import flatbuffers
from flatbuffers import number_types
import numpy as np
import pytest

from tests.graphs import conv, graph, image
from tflite.deploy.emit import emit
from tflite.file.described import normalization
from tflite.file.encode import encode
from tflite.file.metadata import Description, packed, with_metadata
from tflite.file.runner import Runner

ABOUT = Description('name', 'text', (24, 32), ('cat', 'dog', 'eel'))


class Table:
  """A table of a flatbuffer, by field number."""

  def __init__(self, buffer: bytes, position: int):
    self._table = flatbuffers.table.Table(buffer, position)

  def _at(self, field: int) -> int:
    return self._table.Offset(4 + 2 * field)

  def text(self, field: int) -> str:
    return self._table.String(self._at(field) + self._table.Pos).decode()

  def number(self, field: int, kind=number_types.Uint8Flags) -> int:
    return self._table.Get(kind, self._at(field) + self._table.Pos)

  def table(self, field: int) -> 'Table':
    return Table(self._table.Bytes, self._table.Indirect(self._at(field) + self._table.Pos))

  def tables(self, field: int) -> list['Table']:
    start, count = self._table.Vector(self._at(field)), self._table.VectorLen(self._at(field))
    return [Table(self._table.Bytes, self._table.Indirect(start + 4 * index)) for index in range(count)]

  def floats(self, field: int) -> list[float]:
    start, count = self._table.Vector(self._at(field)), self._table.VectorLen(self._at(field))
    return [self._table.Get(number_types.Float32Flags, start + 4 * index) for index in range(count)]


def root(buffer: bytes) -> Table:
  return Table(buffer, flatbuffers.encode.Get(flatbuffers.packer.uoffset, buffer, 0))


@pytest.mark.parametrize(('kind', 'name'), [('classification', 'logits'), ('segmentation', 'masks'), ('keypoints', 'heatmaps')])
def test_each_kind_of_output_has_its_name(kind, name):
  (subgraph,) = root(packed(dataclasses.replace(ABOUT, kind=kind))).tables(3)
  assert subgraph.tables(3)[0].text(0) == name


def test_the_metadata_says_how_images_are_normalised_and_what_outputs_mean():
  buffer = packed(ABOUT)
  assert buffer[4:8] == b'M001'
  model = root(buffer)
  assert (model.text(0), model.text(1)) == ('name', 'text')
  (subgraph,) = model.tables(3)
  (image_tensor,), (score_tensor,) = subgraph.tables(2), subgraph.tables(3)
  (unit,) = image_tensor.tables(4)
  assert unit.number(0) == 1, 'NormalizationOptions'
  assert (unit.table(1).floats(0), unit.table(1).floats(1)) == ([0], [255])
  content = image_tensor.table(3)
  assert content.number(0) == 2 and content.table(1).number(0) == 1, 'ImageProperties, RGB'
  size = content.table(1).table(1)
  assert [size.number(field, number_types.Uint32Flags) for field in (0, 1)] == [32, 24], 'width, height'
  assert (image_tensor.table(5).floats(0), image_tensor.table(5).floats(1)) == ([1], [0]), 'largest, smallest'
  (labels,) = score_tensor.tables(6)
  assert (labels.text(0), labels.number(2)) == ('labels.txt', 2)


def test_a_model_with_metadata_answers_as_before_and_carries_its_labels():
  rng = np.random.default_rng(0)
  function = emit(graph(image(), conv('a', 'image', rng.normal(size=(3, 64)) * (rng.random((3, 64)) > 0.9))))
  images = rng.normal(size=(2, 6, 6, 3)).astype(np.float32)
  for sparse in (False, True):
    plain = encode(function, (6, 6, 3), sparse=sparse)
    once = with_metadata(plain, ABOUT)
    np.testing.assert_array_equal(Runner(once)(images), Runner(plain)(images))
    with zipfile.ZipFile(io.BytesIO(once)) as archive:
      assert archive.read('labels.txt').decode().split() == ['cat', 'dog', 'eel']
    assert once == with_metadata(plain, ABOUT), 'the same bytes every time'
    assert once.count(b'TFLITE_METADATA') == 1
    assert normalization(plain) is None
    assert [values.tolist() for values in normalization(once)] == [[0], [255]]

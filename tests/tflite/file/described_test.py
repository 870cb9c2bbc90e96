"""What metadata say is read, and damaged ones are refused."""

import pytest

from tests import damage
from tests.foreign_files import classifier, labelled
from tflite.file import described
from tflite.file.model_file import ModelFileError


@pytest.fixture(scope='module')
def content():
  return labelled(classifier(), b'a\r\nb\n', (127.5, 120.0, 0.0), (127.5, 1.0, 2.0))


def test_pixels_and_labels_are_read(content):
  assert [values.tolist() for values in described.normalization(content)] == [[127.5, 120, 0], [127.5, 1, 2]]
  assert described.labels(content) == ('labels.txt', b'a\r\nb\n')


def test_of_graphs_and_outputs_without_metadata_nothing_is_said_of_pixels(content):
  assert described.normalization(content, graph=1) is None and described.normalization(classifier()) is None
  assert described.labels(classifier()) is None


def test_a_single_text_behind_a_file_without_metadata_are_its_labels(content):
  zipped = content[content.rindex(b'PK\x03\x04') :]
  assert described.labels(classifier() + zipped) == ('labels.txt', b'a\r\nb\n')


def test_damaged_metadata_are_refused_or_read(content):
  start = content.index(b'M001') - 4
  refused = 0
  for changed in damage.flipped(content[start : start + 700], 200):
    try:
      described.normalization(content[:start] + changed + content[start + 700 :])
      described.labels(content[:start] + changed + content[start + 700 :])
    except ModelFileError as error:
      assert str(error).startswith('The metadata of a .tflite file can be read. Received: damaged ones')
      refused += 1
  assert refused

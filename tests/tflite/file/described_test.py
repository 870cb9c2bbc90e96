"""What metadata say is read, and damaged ones are refused."""

import io
import zipfile

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


def packed(**texts):
  """A file without metadata, with texts behind it."""
  file = io.BytesIO(classifier())
  file.seek(0, io.SEEK_END)
  with zipfile.ZipFile(file, 'a') as archive:
    for name, text in texts.items():
      archive.writestr(f'assets/{name}.txt', text)
  return file.getvalue()


@pytest.mark.parametrize(
  ('texts', 'found'),
  [
    ({'pets': 'a\r\nb\n\n'}, 'pets'),
    ({'pets': 'a\nb\nc\n'}, None),
    ({'LICENSE': 'All rights reserved.\n'}, None),
    ({'pets': 'a\nb\n', 'others': 'c\nd\n'}, None),
    ({'LICENSE': 'all\nrights\n', 'labelmap': 'a\nb\nc\n'}, 'labelmap'),
    ({'class_names': 'a\n'}, 'class_names'),
    ({'labels_en': 'a\nb\n', 'labels_de': 'c\nd\n'}, None),
    ({'CLASSIFIER_README': 'text\n'}, None),
  ],
)
def test_a_text_behind_a_file_without_metadata_are_its_labels_by_its_name_or_its_lines(texts, found):
  labels = described.labels(packed(**texts), count=2)
  assert labels == (found and (f'assets/{found}.txt', texts[found].encode()))


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

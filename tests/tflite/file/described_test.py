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
    ({'CLASSIFIER_README': 'text\n'}, None),
  ],
)
def test_a_text_behind_a_file_without_metadata_are_its_labels_by_its_name_or_its_lines(texts, found):
  labels = described.labels(packed(**texts), count=2)
  assert labels == (found and (f'assets/{found}.txt', texts[found].encode()))


@pytest.mark.parametrize('names', [('labels_en.txt', 'labels_de.txt'), ('labels.csv',), ('class_names.json',), ('labelmap.pbtxt', 'a.txt')])
def test_labels_of_which_nobody_knows_how_to_read_them_are_not_passed_over(names):
  file = io.BytesIO(classifier())
  file.seek(0, io.SEEK_END)
  with zipfile.ZipFile(file, 'a') as archive:
    for name in names:
      archive.writestr(name, 'b\na\n')
  with pytest.raises(ModelFileError, match=rf'one text with a name per line\. Received: {names[0]}.*Save the names'):
    described.labels(file.getvalue(), count=2)


def test_labels_that_are_named_and_cut_off_are_not_passed_over(content):
  with pytest.raises(ModelFileError, match=r'Received: damaged ones \(ValueError: labels\.txt is named, and not there\)'):
    described.labels(content[: content.rindex(b'PK\x03\x04')])


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

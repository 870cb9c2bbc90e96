"""A .tflite file is told from others by its first bytes."""

import pytest

from tflite.file import model_file


def test_a_file_is_read_whatever_it_is(tmp_path):
  (tmp_path / 'x.tflite').write_bytes(b'anything')
  assert model_file.load(tmp_path / 'x.tflite') == b'anything'


def test_a_missing_file_is_named(tmp_path):
  with pytest.raises(model_file.ModelFileError, match=r'can be read\. Received: .*none\.tflite \(No such file'):
    model_file.load(tmp_path / 'none.tflite')


def test_the_identifier_tells_a_model():
  model_file.check(b'\x1c\x00\x00\x00TFL3', 'it')
  for content in (b'', b'TFL3', b'\x00' * 40):
    with pytest.raises(model_file.ModelFileError, match=r'identifier TFL3 in bytes 4 to 8\. Received: it without it'):
      model_file.check(content, 'it')

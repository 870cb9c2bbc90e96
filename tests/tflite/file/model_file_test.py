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
  for content in (b'TFL3', b'\x00' * 40):
    with pytest.raises(model_file.ModelFileError, match=r'identifier TFL3 in bytes 4 to 8\. Received: it without it\. Choose'):
      model_file.check(content, 'it')


@pytest.mark.parametrize(
  ('content', 'what'),
  [
    (b'', 'it, which is empty. Copy or convert it again'),
    (b'PK\x03\x04....', 'it, which is a ZIP archive, such as a .keras, .task or .pt file. Unpack it'),
    (b'\x89HDF\r\n', 'it, which is an HDF5 file'),
    (b'\n<!DOCTYPE html>', 'it, which is a page of HTML or XML. Download the file itself'),
    (b'\x08\x07\x12\x07pytorch', 'it, which may be an ONNX model. onnx2tf makes'),
    (b'version https://git-lfs.github.com/spec/v1', 'it, which is a pointer of Git LFS. Fetch'),
  ],
)
def test_files_of_other_kinds_are_named(content, what):
  with pytest.raises(model_file.ModelFileError) as found:
    model_file.check(content, 'it')
  assert f'Received: {what}' in str(found.value)


@pytest.mark.parametrize(('path', 'what'), [('/dev/zero', 'which is none'), ('a\0b', 'null byte'), ('.', 'Is a directory')])
def test_what_is_no_file_is_not_read(path, what):
  with pytest.raises(model_file.ModelFileError, match=what):
    model_file.load(path)

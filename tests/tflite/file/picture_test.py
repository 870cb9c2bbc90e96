"""The input of an image network, and what is said of others."""

import pytest

from tflite.file.flat import Model, Tensor
from tflite.file.model_file import ModelFileError
from tflite.file.picture import picture


def model(*shapes, kind='FLOAT32', signatures=(), **fields):
  tensors = tuple(Tensor(f't{index}', shape, kind, False, None, None, **fields) for index, shape in enumerate(shapes))
  return Model(tensors, (), tuple(range(len(shapes))), (), signature='a', signatures=signatures)


def test_sizes_channels_and_what_numbers_hold_are_known():
  found = picture(model((1, -1, 6, 3)), 'x')
  assert (found.size, found.channels, found.held, found.is_bytes) == ((-1, 6), 3, None, False)
  assert picture(model((1, 4, 6, 1), kind='UINT8'), 'x').is_bytes
  assert picture(model((1, 4, 6, 3), kind='UINT8', scale=0.5, zero_point=2), 'x').held == (-1.0, 126.5)
  assert picture(model((1, 4, 6, 3), kind='INT8', scale=1.0, zero_point=-128), 'x').held == (0.0, 255.0)


@pytest.mark.parametrize(
  ('given', 'message'),
  [
    (model((1, 4, 6, 3), (1, 2)), r'one input, the picture\. Received: 2 in x \(t0 \[1, 4, 6, 3\], t1 \[1, 2\]\)\. Convert it with one'),
    (model((1, 4, 6, 3), (1, 2), signatures=('a', 'b')), r'Choose another --signature: b\.'),
    (model(), r'Received: 0 in x \(none\)'),
    (model((1, 3, 4, 6)), r'whose channels come first \(NCHW\)\. Convert it with channels last: onnx2tf'),
    (model((8, 4, 6, 3)), r'one by one\. Received: \[8, 4, 6, 3\] FLOAT32 in x, whose batch is fixed'),
    (model((1, 784)), r'A picture is \[1, height, width, 3\], or 1 for grey ones\. Received: \[1, 784\]'),
    (model((1, 4, 6, 4)), r'Received: \[1, 4, 6, 4\]'),
    (model((1, 0, 6, 3)), r'Received: \[1, 0, 6, 3\]'),
    (model((1, 4, 6, 3), kind='INT8'), 'or of integers with one scale. Received: INT8 without'),
    (model((1, 4, 6, 3), kind='STRING'), 'Received: STRING without'),
  ],
)
def test_what_reads_no_picture_is_refused(given, message):
  with pytest.raises(ModelFileError, match=message):
    picture(given, 'x')

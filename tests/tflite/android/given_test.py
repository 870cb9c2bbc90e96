"""Labels come from behind the model; what is no export is refused in `__main___test.py`."""

import pytest

from tests.graphs import conv, graph, image
from tflite.android import given
from tflite.deploy.emit import emit
from tflite.file.encode import encode
from tflite.file.metadata import Description, with_metadata


@pytest.mark.parametrize('labels', [['cat', 'dog'], ['one'], ['a b', 'ü', 'line\u2028separator']])
def test_labels_are_those_that_were_packed(labels):
  plain = encode(emit(graph(image(), conv('a', 'image', [[1.0]] * 3))), (4, 4, 3))
  assert given.labels(plain) == []
  assert given.labels(with_metadata(plain, Description('n', 't', (4, 4), labels))) == labels

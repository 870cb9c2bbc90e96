import numpy as np
import pytest

from tests.graphs import conv, graph, image
from tflite.deploy.emit import emit
from tflite.file.encode import encode
from tflite.file.model_file import ModelFileError
from tflite.runtimes import native


def test_models_answer_and_are_timed_in_turns():
  images = np.random.default_rng(0).normal(size=(2, 6, 6, 3)).astype(np.float32)
  contents = [encode(emit(graph(image(), conv('a', 'image', factor * np.eye(3)))), (6, 6, 3)) for factor in (2, 3)]
  found = native.measure(contents, images, rounds=2)
  for factor, entry in zip((2, 3), found):
    np.testing.assert_allclose(entry.outputs, factor * images, rtol=1e-6)
    assert len(entry.milliseconds) == 2 and entry.latency > 0
  assert native.measure(contents, images)[0].milliseconds == ()


def test_other_images_are_refused():
  with pytest.raises(ModelFileError, match='model 1 reads images'):
    native.measure([encode(emit(graph(image(), conv('a', 'image', np.eye(3)))), (6, 6, 3))], np.zeros((1, 8, 8, 3), np.float32))


def test_this_processor_lacks_nothing():
  assert native.missing() == ''

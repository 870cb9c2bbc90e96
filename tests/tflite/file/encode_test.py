"""Formats and their sizes; that files answer as Keras does is in convert_test and export_test."""

import numpy as np
import pytest
import tensorflow as tf

from tests.graphs import conv, graph, image
from tflite.deploy.emit import emit
from tflite.file.encode import EncodingError, encode
from tflite.file.formats import FORMATS
from tflite.file.runner import Runner

SHAPE = (6, 6, 3)
RNG = np.random.default_rng(0)


@pytest.fixture(scope='module')
def kernel():
  return RNG.normal(size=(3, 3, 3, 256)) * (RNG.random((3, 3, 3, 256)) > 0.9)


@pytest.fixture(scope='module')
def function(kernel):
  return emit(graph(image(), conv('a', 'image', kernel), conv('b', 'a', RNG.normal(size=(256, 64)) * (RNG.random((256, 64)) > 0.95))))


@pytest.fixture(scope='module')
def images():
  return RNG.normal(size=(8, *SHAPE)).astype(np.float32)


@pytest.mark.parametrize('number_format', FORMATS)
def test_a_file_answers_within_its_format_s_tolerance(function, images, number_format):
  content = encode(function, SHAPE, number_format, calibration=images)
  expected = function(images).numpy()
  error = np.abs(Runner(content)(images) - expected).max() / np.abs(expected).max()
  assert error <= min(FORMATS[number_format].tolerance, 0.1)


def test_smaller_numbers_and_no_zeros_make_smaller_files(function, images):
  dense = {name: len(encode(function, SHAPE, name, calibration=images)) for name in FORMATS}
  sparse = {name: len(encode(function, SHAPE, name, sparse=True)) for name in ('float32', 'float16')}
  assert dense['int8'] < dense['float16'] < dense['float32']
  assert sparse['float32'] < 0.4 * dense['float32'] and sparse['float16'] < sparse['float32']


def test_int8_needs_typical_images(function):
  for nothing in (None, np.zeros((0, *SHAPE))):
    with pytest.raises(EncodingError, match=r"int8 is calibrated on typical images\. Received: none\. Give the ticket's task its data"):
      encode(function, SHAPE, 'int8', calibration=nothing)


def test_int8_is_never_sparse(function, images):
  with pytest.raises(EncodingError, match=r'int8 is stored dense.* Received: --sparse=always'):
    encode(function, SHAPE, 'int8', sparse=True, calibration=images)


def test_an_operation_that_tflite_lacks_is_named():
  with pytest.raises(EncodingError, match='operations that TFLite has'):
    encode(lambda x: tf.math.igamma(tf.abs(x) + 1, x), SHAPE)

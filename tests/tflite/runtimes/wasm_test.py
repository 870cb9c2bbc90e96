"""LiteRT.js in Chromium says what Keras says; skipped where either is missing."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from st_tf.arch.presets import PRESETS
from st_tf.arch.specs import HeadSpec
from st_tf.errors import UserError
from tests.graphs import random_network
from tflite.deployment import deployment
from tflite.file.encode import encode
from tflite.runtimes import browser, wasm

needs_wasm = pytest.mark.skipif(bool(wasm.missing()), reason=wasm.missing() or 'all there')


@pytest.fixture(scope='module')
def images():
  return np.random.default_rng(0).normal(size=(2, 96, 96, 3)).astype(np.float32)


@pytest.mark.slow
@needs_wasm
@pytest.mark.parametrize(
  ('kind', 'number_format'),
  [pytest.param('classification', 'float32', marks=pytest.mark.long), ('classification', 'float16'), ('dense', 'float32')],
)
def test_a_sparse_file_of_the_mobile_preset_says_what_keras_says(images, kind, number_format):
  model = random_network(PRESETS['mobile'], HeadSpec(kind, 10), 96, 0.9)
  network = deployment(model)
  expected = network.repeated(model(images, training=False).numpy()).reshape(len(images), -1)
  files = [encode(network.function, (96, 96, 3), number_format, sparse) for sparse in (False, True)]
  assert len(files[1]) < 0.4 * len(files[0])
  dense, sparse = wasm.measure(files, images, rounds=3)
  tolerance = (1e-4 if number_format == 'float32' else 2e-2) * np.abs(expected).max()
  np.testing.assert_allclose(dense.outputs, expected, atol=tolerance)
  np.testing.assert_allclose(sparse.outputs, expected, atol=tolerance)
  assert len(dense.milliseconds) == len(sparse.milliseconds) == 3 and min(dense.milliseconds + sparse.milliseconds) > 0


@needs_wasm
def test_a_model_that_cannot_be_loaded_is_an_error_and_not_an_answer(images):
  with pytest.raises(UserError, match=r'A model runs in LiteRT.js\. Received: .*Export it again'):
    wasm.measure([b'this is no model'], images)


@needs_wasm
def test_a_model_for_other_images_is_an_error_and_not_an_answer(images):
  small = encode(lambda image: tf.reduce_mean(image, (1, 2)), (8, 8, 3))
  with pytest.raises(UserError, match=r'A model runs in LiteRT.js'):
    wasm.measure([small], images)


@pytest.mark.parametrize('line', ['ERROR: failed to reshape runtime', 'Failed to allocate tensors'])
def test_an_allocation_failure_that_is_only_logged_is_an_error(line):
  entry = {'outputs': [[1.0]], 'milliseconds': [], 'complaints': ['some warning', line]}
  with pytest.raises(UserError, match=rf'A model runs in LiteRT.js\. Received: {line}'):
    wasm._measured(entry)
  assert wasm._measured(entry | {'complaints': ['some warning']}).outputs.tolist() == [[1]]


def test_without_a_browser_nothing_is_measured(monkeypatch, images):
  monkeypatch.setattr(browser, 'browser', lambda: None)
  with pytest.raises(wasm.RuntimeMissingError, match='Chromium is needed'):
    wasm.measure([b''], images)


def test_the_page_is_where_the_code_looks_for_it():
  assert pathlib.Path(wasm.__file__).with_name('wasm.html').is_file()

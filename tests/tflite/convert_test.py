"""Converted files answer as their Keras model does, and a file in place is a verified file."""

from ai_edge_litert.interpreter import Interpreter
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests import tiny
from tflite import convert as convert_module
from tflite.convert import ConversionError, convert
from tflite.file.encode import EncodingError
from tflite.file.runner import Runner


@pytest.fixture(scope='module')
def model():
  keras.utils.set_random_seed(3)
  image = keras.Input((8, 6, 3))
  hidden = keras.layers.Conv2D(4, 3, strides=2, padding='same', activation='relu')(image)
  return keras.Model(image, keras.layers.Dense(5)(keras.layers.GlobalAveragePooling2D()(hidden)))


@pytest.fixture(scope='module')
def samples():
  return np.random.default_rng(0).normal(size=(3, 8, 6, 3)).astype(np.float32)


@pytest.fixture(scope='module')
def file(model, samples, tmp_path_factory):
  path = tmp_path_factory.mktemp('converted') / 'model.tflite'
  convert(model, samples, path)
  return path


def test_the_file_answers_as_keras_does(model, samples, file):
  np.testing.assert_allclose(Runner.load(file)(samples), model(samples), atol=1e-5)


def test_the_file_has_a_signature_for_mobile_runtimes(file):
  assert Interpreter(str(file)).get_signature_list() == {'serving_default': {'inputs': ['image'], 'outputs': ['output_0']}}


def test_the_result_names_the_size_and_the_error(model, samples, tmp_path):
  result = convert(model, samples, tmp_path / 'a.tflite')
  assert result.bytes == (tmp_path / 'a.tflite').stat().st_size
  assert 0 <= result.max_error < 1e-5


def test_nothing_is_left_behind_but_the_file(file):
  assert [entry.name for entry in file.parent.iterdir()] == ['model.tflite']


def test_an_existing_file_survives_a_conversion_that_answers_differently(model, samples, tmp_path, monkeypatch):
  path = tmp_path / 'model.tflite'
  path.write_bytes(b'the old one')
  monkeypatch.setattr(convert_module, 'Runner', lambda *_: lambda images: np.asarray(model(images)) + 1)
  with pytest.raises(ConversionError, match='to 0.0001. Received: a difference of .* on 3 samples'):
    convert(model, samples, path)
  assert path.read_bytes() == b'the old one'


def test_an_output_that_is_no_number_is_a_difference(model, samples, tmp_path, monkeypatch):
  monkeypatch.setattr(convert_module, 'Runner', lambda *_: lambda images: np.full((len(images), 5), np.nan))
  with pytest.raises(ConversionError, match='difference of nan'):
    convert(model, samples, tmp_path / 'model.tflite')


def test_an_error_is_measured_against_the_largest_output(model, samples, monkeypatch):
  large = keras.Sequential([model, keras.layers.Rescaling(1e4)])
  expected = large(samples).numpy()
  monkeypatch.setattr(convert_module, 'Runner', lambda *_: lambda images: expected + 1)
  assert convert_module.difference(expected, b'', samples) == pytest.approx(1 / np.abs(expected).max())


def test_a_missing_folder_is_named(model, samples, tmp_path):
  with pytest.raises(ConversionError, match='existing folder.*missing'):
    convert(model, samples, tmp_path / 'missing' / 'model.tflite')


def test_a_target_that_cannot_be_written_is_named(model, samples, tmp_path):
  (tmp_path / 'model.tflite').mkdir()
  with pytest.raises(ConversionError, match='is written to'):
    convert(model, samples, tmp_path / 'model.tflite')
  assert [entry.name for entry in tmp_path.iterdir()] == ['model.tflite']


@pytest.mark.parametrize('shape', [(0, 8, 6, 3), (8, 6, 3), (1, 8, 8, 3)])
def test_samples_have_the_shape_of_the_input(model, tmp_path, shape):
  with pytest.raises(ConversionError, match='Samples'):
    convert(model, np.zeros(shape), tmp_path / 'model.tflite')


def test_an_operation_that_tflite_lacks_is_an_error(samples, tmp_path):
  image = keras.Input((8, 6, 3))
  model = keras.Model(image, keras.layers.Lambda(lambda x: tf.math.igamma(tf.abs(x) + 1, x))(image))
  with pytest.raises(EncodingError, match='operations that TFLite has'):
    convert(model, samples, tmp_path / 'model.tflite')
  assert not list(tmp_path.iterdir())


def test_conversion_prints_nothing(model, samples, tmp_path, capfd):
  convert(model, samples, tmp_path / 'model.tflite')
  assert capfd.readouterr() == ('', '')


def test_equal_networks_give_equal_files(tmp_path):
  task = tiny.task()
  contents = []
  for number in range(2):
    ticket = tiny.untrained(task)
    convert(ticket.network, np.zeros((1, tiny.SIDE, tiny.SIDE, 3), np.float32), tmp_path / f'{number}.tflite')
    contents.append((tmp_path / f'{number}.tflite').read_bytes())
  assert contents[0] == contents[1]

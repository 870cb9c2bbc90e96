import pytest
import tf_keras as keras

from tests import applications


def test_pixels_are_what_keras_makes_of_them():
  applications.pixels_are_those_of('densenet121', keras.applications.densenet.preprocess_input)


@pytest.mark.slow
def test_network_and_files_are_those_of_keras(tmp_path, monkeypatch):
  applications.is_that_of_keras(
    'densenet121', keras.applications.DenseNet121, tmp_path, monkeypatch, keras.applications.densenet.preprocess_input
  )

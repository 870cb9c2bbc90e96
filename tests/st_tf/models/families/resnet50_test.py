import pytest
import tf_keras as keras

from tests import applications


def test_pixels_are_what_keras_makes_of_them():
  applications.pixels_are_those_of('resnet50', keras.applications.resnet50.preprocess_input, turned=True)


@pytest.mark.slow
def test_network_and_files_are_those_of_keras(tmp_path, monkeypatch):
  applications.is_that_of_keras(
    'resnet50', keras.applications.ResNet50, tmp_path, monkeypatch, keras.applications.resnet50.preprocess_input
  )

import pytest
import tf_keras as keras

from tests import applications


@pytest.mark.slow
def test_network_and_files_are_those_of_keras(tmp_path, monkeypatch):
  applications.is_that_of_keras('mobilenet_v3_small', keras.applications.MobileNetV3Small, tmp_path, monkeypatch)

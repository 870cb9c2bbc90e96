import pytest
import tf_keras as keras

from tests import applications


@pytest.mark.slow
def test_network_and_files_are_those_of_keras(tmp_path, monkeypatch):
  applications.is_that_of_keras('efficientnet_v2_b0', keras.applications.EfficientNetV2B0, tmp_path, monkeypatch)

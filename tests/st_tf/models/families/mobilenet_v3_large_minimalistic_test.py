import functools

import pytest
import tf_keras as keras

from tests import applications


@pytest.mark.slow
def test_network_and_files_are_those_of_keras(tmp_path, monkeypatch):
  build = functools.partial(keras.applications.MobileNetV3Large, minimalistic=True)
  applications.is_that_of_keras('mobilenet_v3_large_minimalistic', build, tmp_path, monkeypatch)

"""The ARM64 kernels say what Keras says; skipped where there is no emulator."""

import numpy as np
import pytest

from st_tf.arch.presets import PRESETS
from st_tf.arch.specs import HeadSpec
from st_tf.errors import UserError
from tests.graphs import random_network
from tflite.deploy import deployed
from tflite.deploy.emit import emit
from tflite.file.encode import encode
from tflite.runtimes import arm64
from tflite.runtimes.measured import RuntimeMissingError

needs_arm64 = pytest.mark.skipif(bool(arm64.missing()), reason=arm64.missing() or 'all there')


@pytest.mark.slow
@needs_arm64
@pytest.mark.parametrize('number_format', ['float32', 'float16'])
def test_dense_and_sparse_files_of_the_mobile_preset_say_what_keras_says(number_format):
  images = np.random.default_rng(0).normal(size=(2, 64, 64, 3)).astype(np.float32)
  model = random_network(PRESETS['mobile'], HeadSpec('classification', 10), 64, 0.9)
  function, expected = emit(deployed(model)), model(images, training=False).numpy()
  found = arm64.measure([encode(function, (64, 64, 3), number_format, sparse) for sparse in (False, True)], images, rounds=1)
  for entry in found:
    # ARM64 computes in half precision where the file is.
    np.testing.assert_allclose(entry.outputs, expected, atol=(1e-4 if number_format == 'float32' else 5e-2) * np.abs(expected).max())
    assert len(entry.milliseconds) == 1


@needs_arm64
def test_a_model_that_cannot_be_loaded_is_an_error():
  with pytest.raises(UserError, match=r'A model runs on ARM64\. Received: .*Export it again'):
    arm64.measure([b'this is no model'], np.zeros((1, 8, 8, 3), np.float32))


def test_what_is_missing_is_named_with_the_way_out(monkeypatch, tmp_path):
  monkeypatch.setenv(arm64.ROOT_VARIABLE, str(tmp_path))
  monkeypatch.setattr(arm64.shutil, 'which', lambda name: name)
  assert (
    arm64.missing() == f'A folder with an ARM64 Python is needed. Received: none in {tmp_path}. Run: make arm64, or set ST_TF_ARM64_ROOT.'
  )
  with pytest.raises(RuntimeMissingError, match='make arm64'):
    arm64.measure([b''], np.zeros((1, 8, 8, 3)))
  (tmp_path / 'complete').touch()
  assert arm64.missing() == ''
  monkeypatch.setattr(arm64.shutil, 'which', lambda name: None)
  assert arm64.missing().startswith('qemu-aarch64-static is needed')

"""The driver on this machine's own processor."""

import subprocess
import sys

import numpy as np

from tests.graphs import conv, graph, image
from tflite.deploy.emit import emit
from tflite.file.encode import encode
from tflite.runtimes import arm64_driver


def test_outputs_and_times_are_written_without_this_project(tmp_path):
  images = np.random.default_rng(0).normal(size=(2, 6, 6, 3)).astype(np.float32)
  np.save(tmp_path / 'images.npy', images)
  for factor in (2, 3):
    (tmp_path / f'{factor}.tflite').write_bytes(encode(emit(graph(image(), conv('a', 'image', factor * np.eye(3)))), (6, 6, 3)))
  command = [sys.executable, arm64_driver.__file__, '2', 'images.npy', 'result.npz', '2.tflite', '3.tflite']
  done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
  assert done.returncode == 0, done.stderr
  found = np.load(tmp_path / 'result.npz')
  for index, factor in enumerate((2, 3)):
    np.testing.assert_allclose(found[f'outputs_{index}'], factor * images, rtol=1e-6)
    assert found[f'milliseconds_{index}'].shape == (2,) and (found[f'milliseconds_{index}'] > 0).all()

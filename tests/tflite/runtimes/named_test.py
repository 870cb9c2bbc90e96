"""Each name leads to a module that says what it lacks and measures."""

import importlib
import subprocess
import sys

import numpy as np
import pytest

from tflite.runtimes import native
from tflite.runtimes.named import RUNTIMES


@pytest.mark.parametrize('runtime', RUNTIMES.values(), ids=RUNTIMES)
def test_every_runtime_has_a_module_that_measures(runtime):
  module = importlib.import_module(f'tflite.runtimes.{runtime.module}')
  assert callable(module.measure) and callable(module.missing) and RUNTIMES[runtime.name] is runtime


def test_a_runtime_is_asked_through_its_module(monkeypatch):
  monkeypatch.setattr(native, 'missing', lambda: 'A processor is needed.')
  monkeypatch.setattr(native, 'measure', lambda *given: given)
  images = np.zeros((1, 2, 2, 3), np.float32)
  assert RUNTIMES['x86'].missing() == 'A processor is needed.'
  assert RUNTIMES['x86'].measure([b'a'], images, 3) == ([b'a'], images, 3)


def test_names_are_known_without_the_runtimes():
  script = 'import sys\nimport tflite.runtimes.named\nassert not {"tensorflow", "ai_edge_litert"} & set(sys.modules)'
  assert subprocess.run([sys.executable, '-c', script], check=False).returncode == 0

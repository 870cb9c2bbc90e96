"""The driver runs files, and ends with the reason where it cannot."""

import resource

import pytest

from tests.foreign_files import classifier
from tflite.file import trial_driver


@pytest.fixture(autouse=True)
def memory(monkeypatch):
  """The limit is for a process of its own."""
  asked = []
  monkeypatch.setattr(resource, 'setrlimit', lambda kind, limits: asked.append((kind, limits)))
  return asked


def test_a_file_runs_within_the_memory_of_the_machine(tmp_path, memory):
  (tmp_path / 'model.tflite').write_bytes(classifier())
  trial_driver.main(str(tmp_path / 'model.tflite'))
  ((kind, (soft, _)),) = memory
  assert kind == resource.RLIMIT_AS and soft > 2**28


def test_one_that_does_not_ends_with_the_reason(tmp_path):
  (tmp_path / 'model.tflite').write_bytes(classifier()[:300])
  with pytest.raises(SystemExit) as found:
    trial_driver.main(str(tmp_path / 'model.tflite'))
  assert isinstance(found.value.code, str) and '\n' not in found.value.code

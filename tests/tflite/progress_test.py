import time

import pytest

from tflite import progress


def test_a_stage_is_said_when_it_begins_and_now_and_then(capsys, monkeypatch):
  monkeypatch.setattr(progress, '_BETWEEN_LINES', 0.05)
  with progress.stage('Counting'):
    time.sleep(0.3)
  first, *others = capsys.readouterr().err.splitlines()
  assert first == 'Counting.' and others and all(line.startswith('Counting: 0.') and line.endswith(' s so far.') for line in others)
  time.sleep(0.1)
  assert capsys.readouterr().err == '', 'a stage that is over says nothing'


def test_a_stage_that_fails_ends(capsys):
  with pytest.raises(ValueError, match='so'), progress.stage('Failing'):
    raise ValueError('so')
  assert capsys.readouterr().err == 'Failing.\n'

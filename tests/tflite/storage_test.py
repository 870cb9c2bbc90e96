"""Sparse where it was measured to pay, dense with the reason elsewhere."""

import re

import numpy as np
import pytest

from st_tf.errors import UserError
from tests.sparse_graphs import CASES, files
from tflite import storage
from tflite.file import sparse_rules
from tflite.runtimes.measured import Measured

IMAGES = np.zeros((1, 4, 4, 3), np.float32)


def store(monkeypatch, choice: str, milliseconds=None, number_format='float32', difference=0.0):
  """What is stored where sparse takes `milliseconds` and dense 10; None: no runtime can tell."""
  outputs = np.ones((1, 3), np.float32)
  monkeypatch.setattr(storage, '_obstacle', lambda content: '. CONCATENATION 9: it has no sparse form; replace it')
  monkeypatch.setattr(storage.wasm, 'missing', lambda: 'No browser.' if milliseconds is None else '')
  monkeypatch.setattr(
    storage.wasm,
    'measure',
    lambda contents, images, rounds: [Measured(outputs, (10.0, 10.0)), Measured(outputs + difference, (milliseconds,) * 2)],
  )
  return storage.store(lambda sparse: b'sparse' if sparse else b'dense', number_format, choice, IMAGES, 1e-3)


@pytest.mark.parametrize(
  ('choice', 'milliseconds', 'content', 'verified', 'reason'),
  [
    ('never', 5.0, b'dense', None, '--sparse=never'),
    ('auto', 5.0, b'sparse', True, r'2\.00 times as fast in wasm .*10 ms dense, 5 ms sparse'),
    ('auto', 9.8, b'dense', None, r'not clearly faster: 1\.02 times.*CONCATENATION 9'),
    ('always', 5.0, b'sparse', True, r'2\.00 times'),
    ('always', 20.0, b'sparse', False, r'although only 0\.50 times'),
    ('always', None, b'sparse', False, r'not seen to run sparsely$'),
  ],
)
def test_the_choice_and_its_reason(monkeypatch, choice, milliseconds, content, verified, reason):
  found = store(monkeypatch, choice, milliseconds)
  assert (found.content, found.sparse, found.verified) == (content, content == b'sparse', verified)
  assert re.search(reason, found.reason), found.reason


def test_a_format_that_never_runs_sparsely_is_dense(monkeypatch):
  found = store(monkeypatch, 'auto', 1.0, 'int8')
  assert found.content == b'dense' and found.reason == 'dense, since no runtime executes int8 sparsely; median 10 ms in wasm'
  assert found.milliseconds == (10.0, None)
  found = store(monkeypatch, 'auto', None, 'int8')
  assert found.reason == 'dense, since no runtime executes int8 sparsely' and found.milliseconds is None


def test_a_dense_file_that_does_not_run_in_wasm_is_still_written(monkeypatch):
  def fails(contents, images, rounds):
    raise UserError('A model runs in LiteRT.js. Received: ERROR.')

  monkeypatch.setattr(storage.wasm, 'missing', lambda: '')
  monkeypatch.setattr(storage.wasm, 'measure', fails)
  found = storage.store(lambda sparse: b'dense', 'int8', 'auto', IMAGES, 1e-3)
  assert found.content == b'dense' and found.reason.endswith('; in wasm it failed. A model runs in LiteRT.js. Received: ERROR.')


@pytest.mark.parametrize('difference', [0.1, np.nan])
def test_a_sparse_file_that_says_something_else_is_refused_or_left_for_the_dense_one(monkeypatch, difference):
  message = r'A sparse file says what the dense one says, to 0\.001\. Received: .* Use --sparse=never'
  with pytest.raises(UserError, match=message):
    store(monkeypatch, 'always', 5.0, difference=difference)
  found = store(monkeypatch, 'auto', 5.0, difference=difference)
  assert found.content == b'dense' and re.search(message, found.reason) and 'CONCATENATION 9' in found.reason


def test_the_obstacle_is_the_doctor_s_first_finding():
  case = next(case for case in CASES if case.name == '7x7 depthwise')
  assert '7x7 depthwise convolution' in storage._obstacle(next(files(case)))
  assert storage._obstacle(next(files(CASES[0]))) == ''


@pytest.mark.parametrize('is_sparse', [True, False])
def test_without_a_runtime_the_rules_decide(monkeypatch, is_sparse):
  told = sparse_rules.Diagnosis(is_sparse, (1, 1), 0.9, ())
  monkeypatch.setattr(storage, 'read', lambda content, name: content)
  monkeypatch.setattr(storage, 'diagnose', lambda content: {b'sparse': told}[content])
  found = store(monkeypatch, 'auto')
  assert (found.sparse, found.verified, found.milliseconds) == ((True, False, None) if is_sparse else (False, None, None))
  assert found.content == (b'sparse' if is_sparse else b'dense')
  said = (
    r'sparse, since the doctor expects runtimes to skip its zeros; not timed here$' if is_sparse else r'dense, since .* CONCATENATION 9'
  )
  assert re.match(said, found.reason), found.reason

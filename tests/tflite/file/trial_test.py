"""A file that cannot be run ends in one message, whatever it does to the process that runs it."""

import subprocess
import time

import pytest
import tensorflow as tf

from tests.foreign_files import SIDE, classifier
from tflite.file import trial
from tflite.file.model_file import ModelFileError


def test_a_file_that_runs_is_let_through():
  trial.run_once(classifier(), 'x')


def test_operations_of_others_are_named():
  function = tf.function(tf.math.erfinv, input_signature=[tf.TensorSpec((1, SIDE, SIDE, 3))])
  converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
  converter.allow_custom_ops = True
  with pytest.raises(ModelFileError, match=r'can be run by the TFLite interpreter\. Received: theirs \(.*Erfinv.*\)'):
    trial.run_once(converter.convert(), 'theirs')


@pytest.mark.parametrize(
  ('code', 'message'), [(-11, 'it ends the interpreter with SIGSEGV'), (1, r'theirs \(no reason\)'), (-6, 'with SIGABRT')]
)
def test_a_process_that_ends_is_named(code, message, monkeypatch):
  monkeypatch.setattr(subprocess, 'run', lambda *arguments, **more: subprocess.CompletedProcess((), code, b'', b''))
  with pytest.raises(ModelFileError, match=message):
    trial.run_once(b'', 'theirs')


def test_one_that_does_not_end_is_ended():
  begun = time.monotonic()
  with pytest.raises(ModelFileError, match='within 0.01 s. Received: nothing from theirs'):
    trial.run_once(classifier(), 'theirs', 0.01)
  assert time.monotonic() - begun < 30

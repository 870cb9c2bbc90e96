"""What native code prints is kept, and the next line is seen again."""

import os

import pytest

from tflite import quiet


def test_what_is_written_to_the_descriptor_is_kept(capfd):
  with quiet.captured_stderr():
    os.write(2, b'from C++\n')
  assert capfd.readouterr().err == ''


def test_the_last_line_can_be_asked_for_inside():
  with quiet.captured_stderr() as log:
    assert quiet.last_line(log) == ''
    os.write(2, b'first\nthe reason\n\n')
    assert quiet.last_line(log) == 'the reason'


def test_after_an_error_lines_are_seen_again(capfd):
  with pytest.raises(RuntimeError), quiet.captured_stderr():
    raise RuntimeError
  os.write(2, b'seen')
  assert capfd.readouterr().err == 'seen'

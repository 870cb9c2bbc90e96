"""What libraries say while they load is dropped, what native code prints is kept, and the next line is seen again."""

import logging
import os

import pytest

from st_tf import quiet


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


def test_quiet_imports_drop_only_what_libraries_say_while_loading(monkeypatch, capfd):
  monkeypatch.setenv('TF_CPP_MIN_LOG_LEVEL', '3')
  with quiet.imports():
    os.write(2, b'WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n')
    os.write(2, b'I0000 00:00:1795242457.819313    6484 port.cc:153] oneDNN custom operations are on.\n')
    os.write(2, b'something else\n')
  assert capfd.readouterr().err == 'something else\n'


def test_quiet_imports_keep_what_was_said_before_a_failure(monkeypatch, capfd):
  monkeypatch.setenv('TF_CPP_MIN_LOG_LEVEL', '3')
  with pytest.raises(ImportError), quiet.imports():
    os.write(2, b'no such library\n')
    raise ImportError
  assert capfd.readouterr().err == 'no such library\n'


def test_quiet_imports_drop_nothing_when_logs_are_asked_for(monkeypatch, capfd):
  monkeypatch.setenv('TF_CPP_MIN_LOG_LEVEL', '0')
  with quiet.imports():
    os.write(2, b'I0000 00:00:1795242457.819313    6484 port.cc:153] oneDNN custom operations are on.\n')
  assert 'oneDNN' in capfd.readouterr().err


def test_a_command_says_once_that_it_loads_tensorflow(monkeypatch, capfd):
  monkeypatch.setenv('TF_CPP_MIN_LOG_LEVEL', '0')
  with quiet.imports():
    pass
  assert capfd.readouterr() == ('', '')
  quiet.announce()
  for _ in range(2):
    with quiet.imports():
      pass
  assert capfd.readouterr() == ('', 'Loading TensorFlow.\n')


def test_what_tensorflow_tells_of_files_is_left_out_while_something_is_converted(caplog, monkeypatch):
  logger = logging.getLogger('tensorflow')
  monkeypatch.setattr(logger, 'propagate', True)
  monkeypatch.setattr(logger, 'level', logging.INFO)
  with quiet.captured_stderr():
    logger.info('Assets written')
    logger.warning('a warning')
  logger.info('afterwards')
  assert caplog.messages == ['a warning', 'afterwards'] and logger.level == logging.INFO

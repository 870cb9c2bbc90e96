"""Keeps what other libraries say on standard error from people who did not ask for it."""

from collections.abc import Iterator
import contextlib
import logging
import os
import re
import sys
import tempfile
from typing import IO
import warnings

from absl import logging as absl_logging

_CPP_LOG = 'TF_CPP_MIN_LOG_LEVEL'
_CPP_ERRORS_HIDDEN = '3'
_NOISY = ('PIL', 'absl', 'google', 'h5py', 'keras', 'matplotlib', 'tensorboard', 'tensorflow', 'tensorflow_datasets', 'tf_keras')
# What TensorFlow's libraries print while they load, before any log level holds.
_LOADING = re.compile(rb'(WARNING: All log messages before absl::InitializeLog|[IW]\d{4} |To enable the following instructions)')

_to_say: list[str] = []


def libraries() -> None:
  """Silences information and warnings of third-party libraries, errors aside; call it before TensorFlow is imported.

  What the caller has asked for stays: a log level in the environment, or Python's own `-W`.
  """
  os.environ.setdefault(_CPP_LOG, _CPP_ERRORS_HIDDEN)
  absl_logging.set_verbosity(absl_logging.ERROR)
  logging.getLogger('tensorflow').setLevel(logging.ERROR)
  if not sys.warnoptions:
    warnings.filterwarnings('ignore', module=rf'({"|".join(_NOISY)})(\.|$)')


def announce() -> None:
  """From now on the next `imports` says that it loads TensorFlow, which takes ten seconds: of commands, whose users wait."""
  _to_say.append('Loading TensorFlow.')


@contextlib.contextmanager
def imports() -> Iterator[None]:
  """Within it, import what imports TensorFlow: drops the lines that its libraries print while they load, and only those."""
  while _to_say:
    print(_to_say.pop(), file=sys.stderr, flush=True)
  if os.environ.get(_CPP_LOG) != _CPP_ERRORS_HIDDEN:
    yield
    return
  with tempfile.TemporaryFile() as log:
    try:
      with _stderr_goes_to(log):
        yield
    finally:
      log.seek(0)
      for line in log:
        if not _LOADING.match(line):
          os.write(2, line)


@contextlib.contextmanager
def captured_stderr() -> Iterator[IO[bytes]]:
  """Sends standard error of the whole process, C++ included, to the temporary file it gives, which `last_line` reads.

  TFLite's converter and interpreter log through the file descriptor, where neither Python's logging nor a variable set
  after the first import reaches them. Not for use while other threads have something to say. What TensorFlow tells in Python
  of files that it writes meanwhile, which a notebook would show, is left out.
  """
  logger = logging.getLogger('tensorflow')
  before = logger.level
  logger.setLevel(max(before, logging.WARNING))
  try:
    with tempfile.TemporaryFile() as log, _stderr_goes_to(log):
      yield log
  finally:
    logger.setLevel(before)


def last_line(log: IO[bytes]) -> str:
  """The last thing that was printed, or nothing."""
  log.seek(0)
  lines = [line for line in log.read().decode(errors='replace').splitlines() if line.strip()]
  return lines[-1].strip() if lines else ''


@contextlib.contextmanager
def _stderr_goes_to(log: IO[bytes]) -> Iterator[None]:
  sys.stderr.flush()
  kept = os.dup(2)
  os.dup2(log.fileno(), 2)
  try:
    yield
  finally:
    sys.stderr.flush()
    os.dup2(kept, 2)
    os.close(kept)

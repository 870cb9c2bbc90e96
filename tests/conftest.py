"""What every test shares: quiet libraries, and the data sets for measuring where they are."""

import os
import pathlib

import pytest

# TensorFlow reads these once, when it is first imported, so they are set before any test file is.
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
os.environ.setdefault('ABSL_MIN_LOG_LEVEL', '3')
os.environ.setdefault('MPLBACKEND', 'Agg')
if 'PYTEST_XDIST_WORKER' in os.environ:
  # Several workers with a thread per core each would only wait for each other.
  os.environ.setdefault('TF_NUM_INTRAOP_THREADS', '1')

ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture(scope='session')
def data_dir() -> pathlib.Path:
  """The folder with the measuring data (tfds/, camvid/, lsp_extended/): $ST_TF_DATA, or beside the checkout; else skips."""
  named = os.environ.get('ST_TF_DATA')
  folder = pathlib.Path(named).expanduser() if named else ROOT.parent / 'shared' / 'data'
  if named and not folder.is_dir():
    pytest.fail(f'ST_TF_DATA names a folder. Received: {named!r}.')
  if not folder.is_dir():
    pytest.skip('no measuring data here: set ST_TF_DATA to its folder')
  return folder

"""Runs the test files named on the command line; what Bazel's py_test starts. Without Bazel: `make test`."""

import sys

import pytest

if __name__ == '__main__':
  sys.exit(pytest.main(['-q', '--import-mode=importlib', '-p', 'no:cacheprovider', *sys.argv[1:]]))

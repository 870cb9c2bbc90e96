"""Small file systems in memory, which fill up and which can be made read-only."""

from collections.abc import Iterator
import contextlib
import os
import pathlib
import shutil
import subprocess

import pytest

_BLOCK = 4096


@contextlib.contextmanager
def mounted(path: pathlib.Path, size: int) -> Iterator[pathlib.Path]:
  """A file system of `size` bytes at `path` for a while; skips the test where this process may mount none."""
  path.mkdir()
  found = _run('mount', '-t', 'tmpfs', '-o', f'size={size}', 'tmpfs', str(path))
  if found:
    pytest.skip(f'no file system can be mounted here: {found}')
  try:
    yield path
  finally:
    _run('umount', '-l', str(path))


@contextlib.contextmanager
def full(disk: pathlib.Path, left: int = 0) -> Iterator[None]:
  """Within it the disk has no more than `left` bytes for whoever writes."""
  filler = disk / '.filler'
  taken = max(shutil.disk_usage(disk).free - left, 0) // _BLOCK * _BLOCK
  with open(filler, 'wb') as file:
    os.posix_fallocate(file.fileno(), 0, max(taken, 1))
  try:
    yield
  finally:
    filler.unlink()


@contextlib.contextmanager
def read_only(disk: pathlib.Path) -> Iterator[None]:
  """Within it nobody can write there, not even root."""
  found = _run('mount', '-o', 'remount,ro', str(disk))
  assert not found, found
  try:
    yield
  finally:
    _run('mount', '-o', 'remount,rw', str(disk))


def _run(*command: str) -> str:
  """Why it has failed; '' = it has not."""
  if not shutil.which(command[0]):
    return f'there is no {command[0]}'
  done = subprocess.run(command, capture_output=True, text=True)
  return (done.stderr.strip() or f'exit code {done.returncode}') if done.returncode else ''

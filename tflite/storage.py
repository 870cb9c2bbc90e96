"""Sparse or dense: how kernels are stored, by measurement where a runtime executes sparsely, else by what such runtimes require."""

from collections.abc import Callable
import dataclasses

import numpy as np

from st_tf.errors import UserError
from tflite.file.flat import read
from tflite.file.formats import FORMATS
from tflite.file.sparse_rules import diagnose
from tflite.runtimes import wasm
from tflite.runtimes.measured import speedup

UNTIMED = 'not timed here'  # In the reasons of files whose storage nobody has asked for and no time has decided.
WORTHWHILE = 1.1  # Ratios of measured times are uncertain by some percent.
_ROUNDS = 15


@dataclasses.dataclass(frozen=True)
class Stored:
  """A file's content and why it is stored as it is.

  Attributes:
    content: the bytes.
    sparse: whether its kernels are stored without their zeros.
    verified: whether a runtime was seen to run it faster than the dense file; None for a dense file.
    reason: in words.
    milliseconds: (dense, sparse) median per image in wasm; None where that was not measured, or there is no sparse form.
  """

  content: bytes
  sparse: bool
  verified: bool | None
  reason: str
  milliseconds: tuple[float, float | None] | None = None


def store(encoded: Callable[[bool], bytes], number_format: str, choice: str, images: np.ndarray, tolerance: float) -> Stored:
  """The file in the better storage, or in the one that was asked for.

  Args:
    encoded: whether sparse -> the file's content.
    number_format: one of `FORMATS`.
    choice: one of `STORAGES`.
    images: [n, height, width, 3] float32 to compare and time both on.
    tolerance: largest difference between the outputs of both, as a fraction of the largest.

  Raises:
    EncodingError: a sparse file was asked for in a format that is always dense.
    UserError: the sparse file does not run, or says something else than the dense one.
  """
  if choice == 'never':
    return Stored(encoded(False), False, None, 'dense, as --sparse=never asks for')
  if choice == 'auto' and not FORMATS[number_format].runs_sparsely:
    return _timed(encoded(False), f'dense, since no runtime executes {number_format} sparsely', images)
  if wasm.missing():
    if choice == 'always':
      return Stored(encoded(True), True, False, 'sparse, as --sparse=always asks for; not seen to run sparsely')
    return _foretold(encoded)
  dense, sparse = encoded(False), encoded(True)
  try:
    return _measured(dense, sparse, choice, images, tolerance)
  except UserError as error:
    if choice == 'always':
      raise
    return Stored(dense, False, None, f'dense, since the sparse file failed. {error}{_obstacle(sparse)}')


def _foretold(encoded: Callable[[bool], bytes]) -> Stored:
  """The better storage by what runtimes require, where none is here that could be asked."""
  sparse = encoded(True)
  if diagnose(read(sparse, 'the sparse file')).sparse:
    return Stored(sparse, True, False, f'sparse, since the doctor expects runtimes to skip its zeros; {UNTIMED}')
  return Stored(encoded(False), False, None, f'dense, since runtimes would not skip its zeros; {UNTIMED}{_obstacle(sparse)}')


def _timed(dense: bytes, reason: str, images: np.ndarray) -> Stored:
  """A file that has no sparse form, with its time where that can be measured."""
  if wasm.missing():
    return Stored(dense, False, None, reason)
  try:
    latency = wasm.measure([dense], images, _ROUNDS)[0].latency
  except UserError as error:
    return Stored(dense, False, None, f'{reason}; in wasm it failed. {error}')
  return Stored(dense, False, None, f'{reason}; median {latency:.3g} ms in wasm', (latency, None))


def _measured(dense: bytes, sparse: bytes, choice: str, images: np.ndarray, tolerance: float) -> Stored:
  first, second = wasm.measure([dense, sparse], images, _ROUNDS)
  difference = np.max(np.abs(first.outputs - second.outputs)) / max(1.0, np.max(np.abs(first.outputs)))
  if not difference <= tolerance:  # Written so that NaN fails.
    raise UserError(
      f'A sparse file says what the dense one says, to {tolerance:g}. Received: {difference:.3g} in wasm. Use --sparse=never.'
    )
  faster, times = speedup(first, second), (first.latency, second.latency)
  measured = f'{faster:.2f} times as fast in wasm as stored dense (medians {times[0]:.3g} ms dense, {times[1]:.3g} ms sparse)'
  if faster >= WORTHWHILE:
    return Stored(sparse, True, True, f'sparse: {measured}', times)
  if choice == 'always':
    return Stored(sparse, True, False, f'sparse, as --sparse=always asks for, although only {measured}', times)
  return Stored(dense, False, None, f'dense, since sparse is not clearly faster: {measured}{_obstacle(sparse)}', times)


def _obstacle(content: bytes) -> str:
  """The first thing that keeps the file from being executed sparsely."""
  for finding in diagnose(read(content, 'the sparse file')).findings[:1]:
    return f'. {finding.where}: {finding.what}; {finding.change}'
  return ''

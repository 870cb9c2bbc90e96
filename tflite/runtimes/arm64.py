"""LiteRT for ARM64 under qemu-user: the kernels that phones run, to the bit, at no speed that means anything."""

from collections.abc import Sequence
import os
import pathlib
import shutil
import subprocess
import tempfile

import numpy as np

from st_tf.errors import UserError
from tflite.runtimes.measured import Measured, RuntimeMissingError

ROOT_VARIABLE = 'ST_TF_ARM64_ROOT'
_ROOT = pathlib.Path(__file__).parents[2] / '.venv' / 'arm64'
_DRIVER = pathlib.Path(__file__).with_name('arm64_driver.py')
_QEMU = 'qemu-aarch64-static'
_SECONDS = 900


def missing() -> str:
  """What this runtime lacks on this machine, and how to get it; empty when it can be used."""
  if shutil.which(_QEMU) is None:
    return f'{_QEMU} is needed. Received: none on the PATH. Run: make arm64 (Debian, as root).'
  if not (root() / 'complete').is_file():
    return f'A folder with an ARM64 Python is needed. Received: none in {root()}. Run: make arm64, or set {ROOT_VARIABLE}.'
  return ''


def root() -> pathlib.Path:
  """The folder with the ARM64 Python."""
  return pathlib.Path(os.environ.get(ROOT_VARIABLE) or _ROOT)


def measure(contents: Sequence[bytes], images: np.ndarray, rounds: int = 0) -> list[Measured]:
  """What several models say about the same images; as `wasm.measure`, but the times are those of an emulator.

  Raises:
    RuntimeMissingError: no emulator, or no ARM64 Python.
    UserError: a model does not run there.
  """
  if missing():
    raise RuntimeMissingError(missing())
  with tempfile.TemporaryDirectory(prefix='supertickets_arm64_') as name:
    folder = pathlib.Path(name)
    models = [folder / f'{index}.tflite' for index in range(len(contents))]
    for model, content in zip(models, contents):
      model.write_bytes(content)
    np.save(folder / 'images.npy', np.asarray(images, np.float32))
    shutil.copy(_DRIVER, folder / 'driver.py')
    # Paths that are not in the emulated root are those of this machine.
    emulated = [_QEMU, '-cpu', 'cortex-a76', '-L', str(root()), '-E', 'PYTHONHOME=/usr', '-E', 'PYTHONPATH=/site']
    command = [*emulated, str(root() / 'usr' / 'bin' / 'python3.11'), str(folder / 'driver.py'), str(rounds)]
    try:
      done = subprocess.run(
        [*command, str(folder / 'images.npy'), str(folder / 'result.npz'), *map(str, models)],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
      )
    except subprocess.TimeoutExpired:
      raise UserError(f'A model answers under emulation within {_SECONDS} s. Received: nothing. Try fewer images.') from None
    if done.returncode:
      last = next(iter(reversed(done.stderr.strip().splitlines())), f'exit code {done.returncode}')
      raise UserError(f'A model runs on ARM64. Received: {last}. Export it again.')
    with np.load(folder / 'result.npz') as results:
      return [Measured(results[f'outputs_{i}'], tuple(results[f'milliseconds_{i}'].tolist())) for i in range(len(contents))]

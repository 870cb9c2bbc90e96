"""Runs a file of others once in a process of its own: damaged ones can end the process that runs them."""

import contextlib
import pathlib
import signal
import subprocess
import sys
import tempfile

from tflite.file.model_file import ModelFileError

_DRIVER = pathlib.Path(__file__).with_name('trial_driver.py')
_SECONDS = 120
_WAY_OUT = 'Convert it again.'


def run_once(content: bytes, name: str, seconds: float = _SECONDS) -> None:
  """Lets the TFLite interpreter run a file; its own process ends with it where the file makes that end.

  Args:
    content: the file's bytes, float32 in and out.
    name: what messages call the file.
    seconds: how long that may take.

  Raises:
    ModelFileError: it does not run.
  """
  with tempfile.TemporaryDirectory(prefix='supertickets_trial_') as folder:
    file = pathlib.Path(folder, 'model.tflite')
    file.write_bytes(content)
    try:
      # -P: modules beside the driver are none of its own.
      done = subprocess.run([sys.executable, '-P', str(_DRIVER), str(file)], capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
      raise ModelFileError(f'A file says something of a picture within {seconds:g} s. Received: nothing from {name}. {_WAY_OUT}') from None
  if not done.returncode:
    return
  said = [line for line in done.stderr.decode(errors='replace').splitlines() if line.strip()]
  reason = said[-1].strip() if said else 'no reason'
  if done.returncode < 0:
    with contextlib.suppress(ValueError):
      reason = f'it ends the interpreter with {signal.Signals(-done.returncode).name}, as damaged files do'
  raise ModelFileError(f'A .tflite file can be run by the TFLite interpreter. Received: {name} ({reason}). {_WAY_OUT}')

"""The runtimes by the names that flags give them; needs none of them, so that flags know their names."""

from collections.abc import Sequence
import dataclasses
import importlib

import numpy as np

from tflite.runtimes.measured import Measured


@dataclasses.dataclass(frozen=True)
class Runtime:
  """What can run .tflite files, here or on a device.

  Attributes:
    name: as given to `--runtime`.
    module: the one of `tflite.runtimes` that drives it, with `missing` and `measure`.
    runs_sparsely: whether it skips zeros.
    has_latencies: whether its times mean anything.
    note: what is to be said beside its times; empty where nothing is.
  """

  name: str
  module: str
  runs_sparsely: bool = True
  has_latencies: bool = True
  note: str = ''

  def missing(self) -> str:
    """What it lacks on this machine, and how to get it; empty when it can be used."""
    return importlib.import_module(f'tflite.runtimes.{self.module}').missing()

  def measure(self, contents: Sequence[bytes], images: np.ndarray, rounds: int = 0) -> list[Measured]:
    """What several models say about the same images, and how long they take in turns.

    Args:
      contents: .tflite files.
      images: [n, height, width, 3] float32.
      rounds: how often each is timed, in turns; 0 = not at all.

    Raises:
      RuntimeMissingError: it cannot be used here.
      UserError: a model does not run there.
    """
    return importlib.import_module(f'tflite.runtimes.{self.module}').measure(contents, images, rounds)


_ALL = (
  Runtime('x86', 'native', runs_sparsely=False, note='x86 never executes sparsely: phones do, and --runtime=wasm shows it.'),
  Runtime('wasm', 'wasm'),
  Runtime(
    'arm64',
    'arm64',
    has_latencies=False,
    note='These are times of an emulator, no latencies: --runtime=arm64 shows whether files run, not how fast.',
  ),
  Runtime('adb', 'adb'),
)
RUNTIMES = {runtime.name: runtime for runtime in _ALL}

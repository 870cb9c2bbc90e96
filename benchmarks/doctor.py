"""Does the doctor say what wasm does? Twenty graphs, half of which run sparsely, each against itself stored the other way.

python benchmarks/doctor.py [--rounds=15]      (from the checkout, on an idle machine; needs Chromium and `make web`)
"""

from collections.abc import Sequence
import dataclasses

from st_tf import command, quiet
from st_tf.config import flags

SPARSE_FROM = 1.2  # Times as fast as dense; measured ratios of graphs that run dense lie between 0.84 and 1.18.
_BROWSERS = 3  # One browser can fail to compile a kernel well, for as long as it lives.


@dataclasses.dataclass(frozen=True)
class Options:
  """How long to measure."""

  rounds: int = dataclasses.field(default=15, metadata={'help': 'How often each file is timed, in turns with the other.'})


def main(argv: Sequence[str]) -> int:
  """Prints the table; 1 where doctor and measurement differ."""
  options = flags.read_options(argv, Options, __doc__)
  with quiet.imports():
    import numpy as np

    from tests.sparse_graphs import CASES, files
    from tflite.file import flat
    from tflite.file.sparse_rules import diagnose
    from tflite.runtimes import wasm
    from tflite.runtimes.measured import speedup
  agreed = 0
  print('| graph | doctor | stored sparse, times as fast as dense | what prevents it |')
  print('|---|---|---|---|')
  for case in CASES:
    own, other = files(case)
    model = flat.read(own, case.name)
    diagnosis = diagnose(model)
    image = np.zeros(model.tensors[model.inputs[0]].shape, np.float32)
    ratios = sorted(speedup(*reversed(wasm.measure([own, other], image, options.rounds))) for _ in range(_BROWSERS))
    faster = ratios[_BROWSERS // 2]
    agreed += diagnosis.sparse == (faster > SPARSE_FROM)
    reason = diagnosis.findings[0].what if diagnosis.findings else ''
    note = '' if case.stored_sparsely else ' (the file itself is the dense one)'
    measured = f'{faster:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}){note}'
    print(f'| {case.name} | {"sparse" if diagnosis.sparse else "dense"} | {measured} | {reason} |', flush=True)
  print(f'\n{agreed} of {len(CASES)} agree.')
  return int(agreed < len(CASES))


if __name__ == '__main__':
  command.run(main)

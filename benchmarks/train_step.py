"""Time of steps, of the start, and peak memory: plain network, the same without oneDNN, with pruning wrappers, with wrappers
and TensorFlow's graph optimizer, and with three quarters, a half and a quarter of its units left.

python -m benchmarks.train_step [--supernet=cifar] [--image_size=32] [--batch_size=128] [--rounds=9]

Each variant runs in a process of its own, since peak memory is a process's; the processes take turns, a few steps each, so
that a machine whose speed drifts does not favour one of them. All are pinned to the same cores. They begin one after the other.
"""

from collections.abc import Sequence
import dataclasses
import statistics

from benchmarks.timed_steps import Kind, Steps
from st_tf import command
from st_tf.config import flags

_VARIANTS = {
  'plain': {'wrapped': False},
  'no oneDNN': {'wrapped': False, 'onednn': False},
  'wrapped': {},
  'optimized': {'graph_optimizer': True},
  '75% left': {'left': 0.75},
  '50% left': {'left': 0.5},
  '25% left': {'left': 0.25},
}


@dataclasses.dataclass(frozen=True)
class Options:
  """What to time."""

  supernet: str = dataclasses.field(default='cifar', metadata={'help': 'Preset, JSON file, or a network by name.'})
  batch_size: int = dataclasses.field(default=128, metadata={'help': 'Images per step.'})
  image_size: int = dataclasses.field(default=32, metadata={'help': 'Side of the images in pixels.'})
  variants: str = dataclasses.field(default=','.join(_VARIANTS), metadata={'help': 'Which, with commas between; plain is always there.'})
  cores: int = dataclasses.field(default=1, metadata={'help': 'Cores that each may use.'})
  rounds: int = dataclasses.field(default=9, metadata={'help': 'Rounds, in which each takes its turn.'})
  steps: int = dataclasses.field(default=3, metadata={'help': 'Steps of a turn.'})


def main(argv: Sequence[str]) -> None:
  """Prints the table."""
  options = flags.read_options(argv, Options, __doc__)
  sizes = {name: getattr(options, name) for name in ('supernet', 'image_size', 'batch_size', 'cores')}
  chosen = {name: how for name, how in _VARIANTS.items() if name == 'plain' or name in options.variants.split(',')}
  processes = {name: Steps(Kind(**sizes, **how)) for name, how in chosen.items()}
  times: dict[str, list[float]] = {name: [] for name in processes}
  for _ in range(options.rounds):
    for name, process in processes.items():
      times[name].append(process.time(options.steps))
  size, plain = options.image_size, processes['plain'].begun
  print(f'`{options.supernet}` at {size}x{size}, batch {options.batch_size}, cores {options.cores}; medians of {options.rounds} rounds\n')
  print('| | ms a step | least | most | / plain | MACs | / plain | build, s | first step, s | peak MiB |')
  print('|---|---|---|---|---|---|---|---|---|---|')
  for name, process in processes.items():
    milliseconds, begun = [1000 * value for value in times[name]], process.begun
    ratio = statistics.median(a / b for a, b in zip(times[name], times['plain']))
    print(
      f'| {name} | {statistics.median(milliseconds):,.0f} | {min(milliseconds):,.0f} | {max(milliseconds):,.0f} | {ratio:.2f}'
      f' | {begun.macs:,} | {begun.macs / plain.macs:.2f} | {begun.build:.1f} | {begun.first:.1f} | {process.end():,.0f} |'
    )


if __name__ == '__main__':
  command.run(main)

"""What a step costs as one size changes: ms for a step and for an image, the start, and peak memory.

python -m benchmarks.step_costs --supernets=cifar_resnet:20,cifar_resnet:56 [--image_sizes=32] [--batch_sizes=32,128] [--cores=1,2]

Every combination has a line and a process of its own; they take turns, and begin one after the other.
"""

from collections.abc import Sequence
import dataclasses
import itertools
import statistics

from benchmarks.timed_steps import Kind, Steps
from st_tf import command
from st_tf.config import flags


@dataclasses.dataclass(frozen=True)
class Options:
  """What to time: each is a list with commas between."""

  supernets: str = dataclasses.field(default='cifar_small', metadata={'help': 'Presets, JSON files, or networks by name.'})
  image_sizes: str = dataclasses.field(default='32', metadata={'help': 'Sides of the images in pixels.'})
  batch_sizes: str = dataclasses.field(default='32', metadata={'help': 'Images per step.'})
  cores: str = dataclasses.field(default='1', metadata={'help': 'Cores that a process may use.'})
  replicas: str = dataclasses.field(default='1', metadata={'help': 'Replicas that share a batch, in one process.'})
  rounds: int = dataclasses.field(default=5, metadata={'help': 'Rounds, in which each takes its turn.'})
  steps: int = dataclasses.field(default=3, metadata={'help': 'Steps of a turn.'})


def main(argv: Sequence[str]) -> None:
  """Prints the table."""
  options = flags.read_options(argv, Options, __doc__)
  lists = [getattr(options, name).split(',') for name in ('supernets', 'image_sizes', 'batch_sizes', 'cores', 'replicas')]
  kinds = [
    Kind(name, image_size=int(side), batch_size=int(batch), cores=int(cores), settings=(('replicas', int(replicas)),))
    for name, side, batch, cores, replicas in itertools.product(*lists)
  ]
  processes = [Steps(kind) for kind in kinds]
  times = [[] for _ in processes]
  for _ in range(options.rounds):
    for taken, process in zip(times, processes):
      taken.append(1000 * process.time(options.steps))
  print('| supernet | pixels | batch | cores | replicas | MACs | ms a step | ms an image | build, s | first step, s | peak MiB |')
  print('|---|---|---|---|---|---|---|---|---|---|---|')
  for kind, taken, process in zip(kinds, times, processes):
    step, begun, replicas = statistics.median(taken), process.begun, dict(kind.settings)['replicas']
    print(
      f'| `{kind.supernet}` | {kind.image_size} | {kind.batch_size} | {kind.cores} | {replicas} | {begun.macs / 1e6:,.1f} M'
      f' | {step:,.0f} | {step / kind.batch_size:,.1f} | {begun.build:.1f} | {begun.first:.1f} | {process.end():,.0f} |'
    )


if __name__ == '__main__':
  command.run(main)

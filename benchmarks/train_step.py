"""Time of steps, of the first one, and peak memory: plain supernet, the same without oneDNN, with pruning wrappers, with wrappers
and TensorFlow's graph optimizer, and shrunk to half.

python benchmarks/train_step.py [--supernet=cifar] [--batch_size=128] [--rounds=20]

Each variant runs in a process of its own, since peak memory is a process's; the processes take turns, a few steps each, so
that a machine whose speed drifts does not favour one of them. The first step is in seconds of a processor: all take theirs at once.
"""

from collections.abc import Sequence
import contextlib
import dataclasses
import multiprocessing
import multiprocessing.connection
import os
import resource
import statistics
import time

from st_tf import command, quiet
from st_tf.config import flags

_VARIANTS = ('plain', 'no oneDNN', 'wrapped', 'optimized', 'shrunk')
_STEPS_PER_ROUND = 3


@dataclasses.dataclass(frozen=True)
class Options:
  """What to time."""

  supernet: str = dataclasses.field(default='cifar', metadata={'help': 'Preset or JSON file.'})
  batch_size: int = dataclasses.field(default=128, metadata={'help': 'Images per step.'})
  image_size: int = dataclasses.field(default=32, metadata={'help': 'Side of the images in pixels.'})
  rounds: int = dataclasses.field(default=20, metadata={'help': 'Rounds of 3 steps per variant.'})


def main(argv: Sequence[str]) -> None:
  """Prints the table."""
  options = flags.read_options(argv, Options, __doc__)
  context = multiprocessing.get_context('spawn')
  ends = {}
  for variant in _VARIANTS:
    ends[variant], other = context.Pipe()
    context.Process(target=_serve, args=(variant, options, other), daemon=True).start()
  begun = {variant: end.recv() for variant, end in ends.items()}
  times: dict[str, list[float]] = {variant: [] for variant in _VARIANTS}
  for _ in range(options.rounds):
    for variant, end in ends.items():
      end.send('round')
      times[variant].append(end.recv())
  memory = {}
  for variant, end in ends.items():
    end.send('memory')
    memory[variant] = end.recv()
  print(
    f'{options.supernet} at {options.image_size} pixels, batch {options.batch_size}, {os.cpu_count()} cores; medians of {options.rounds}'
  )
  print(f'{"":10}{"ms/step":>9}{"min":>8}{"max":>8}{"/ plain":>9}{"MACs":>14}{"/ plain":>9}{"first s":>9}{"peak MiB":>10}')
  for variant in _VARIANTS:
    milliseconds = [1000 * value for value in times[variant]]
    ratio = statistics.median(a / b for a, b in zip(times[variant], times['plain']))
    print(
      f'{variant:10}{statistics.median(milliseconds):9.0f}{min(milliseconds):8.0f}{max(milliseconds):8.0f}{ratio:9.2f}'
      f'{begun[variant][0]:14,}{begun[variant][0] / begun["plain"][0]:9.2f}{begun[variant][1]:9.1f}{memory[variant]:10.0f}'
    )


def _serve(variant: str, options: Options, end: multiprocessing.connection.Connection) -> None:
  os.environ['TF_ENABLE_ONEDNN_OPTS'] = '0' if variant == 'no oneDNN' else '1'
  with quiet.imports():
    import numpy as np

    from st_tf.arch import presets
    from st_tf.config import Config
    from st_tf.models import cost
    from st_tf.task import DataConfig, load
    from st_tf.training import step
    from st_tf.training.plan import Plan
    from st_tf.training.trainer import Trainer
  task = load('shapes', DataConfig(image_size=options.image_size))
  wrapped = variant in ('wrapped', 'optimized', 'shrunk')
  if variant == 'optimized':
    step.as_written = contextlib.nullcontext
  config = Config.from_flat({'task': 'shapes', 'batch_size': options.batch_size})
  plan = Plan.of(config, task.steps_per_epoch(options.batch_size))
  trainer = Trainer(presets.supernet(options.supernet), task, config, plan.pruning if wrapped else None, wrapped)
  if wrapped:
    trainer.prune(0.5)
  if variant == 'shrunk':
    trainer.shrink({group.name: np.arange(group.units) % 2 == 0 for group in trainer.groups})
  images, targets = next(iter(task.dataset('train', options.batch_size, training=True)))
  started = time.process_time()
  trainer.train(images, targets, 0.01, 0.001)
  end.send((cost.of(trainer.model).macs, time.process_time() - started))
  while end.recv() == 'round':
    started = time.monotonic()
    for _ in range(_STEPS_PER_ROUND):
      trainer.train(images, targets, 0.01, 0.001)
    end.send((time.monotonic() - started) / _STEPS_PER_ROUND)
  end.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == '__main__':
  command.run(main)

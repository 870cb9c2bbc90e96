"""What the input of tasks gives: pictures a second while nothing else is done, and how long steps of a training wait for it.

python benchmarks/input_pipeline.py --tasks=shapes,folder:photos [--data_dir=FOLDER] [--cores=1,2] [--seconds=10] [--steps=20]

Each task and number of cores has a process of its own, pinned to its cores. Pictures are augmented as a training has them.
"""

from collections.abc import Sequence
import dataclasses
import multiprocessing
import os
import time

from st_tf import command, quiet
from st_tf.config import flags

_WARM = 2  # Batches, and steps, before the clock runs.


@dataclasses.dataclass(frozen=True)
class Options:
  """What to time."""

  tasks: str = dataclasses.field(default='shapes,shapes_segmentation,shapes_keypoints', metadata={'help': 'Tasks, with commas between.'})
  data_dir: str = dataclasses.field(default='', metadata={'help': 'Where their data are.'})
  supernet: str = dataclasses.field(default='', metadata={'help': "Preset of the steps; empty = each task's own."})
  batch_size: int = dataclasses.field(default=32, metadata={'help': 'Images per step.'})
  image_size: int = dataclasses.field(default=0, metadata={'help': "Side of the images in pixels; 0 = each task's own."})
  cores: str = dataclasses.field(default='1,2', metadata={'help': 'How many cores, with commas between.'})
  seconds: float = dataclasses.field(default=10.0, metadata={'help': 'How long pictures are counted.'})
  steps: int = dataclasses.field(default=20, metadata={'help': 'Steps of training in which the waiting is timed.'})


def main(argv: Sequence[str]) -> None:
  """Prints the table."""
  options = flags.read_options(argv, Options, __doc__)
  context = multiprocessing.get_context('spawn')
  print('| task | pixels | batch | cores | pictures a second | one step takes | of which it waits |')
  print('|---|---|---|---|---|---|---|')
  for name in options.tasks.split(','):
    for cores in map(int, options.cores.split(',')):
      here, there = context.Pipe()
      process = context.Process(target=_measure, args=(name, cores, options, there))
      process.start()
      there.close()
      try:
        print(here.recv(), flush=True)
      except EOFError:
        print(f'| {name} | | | {cores} | failed | | |', flush=True)
      process.join()


def _measure(name: str, cores: int, options: Options, end) -> None:
  os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
  command.prepare()
  with quiet.imports():
    from st_tf.arch import presets
    from st_tf.config import Config
    from st_tf.task import DataConfig, load
    from st_tf.training.plan import Plan
    from st_tf.training.trainer import Trainer
  given = {'data_dir': options.data_dir, 'image_size': options.image_size}
  task = load(name, DataConfig(**{setting: value for setting, value in given.items() if value}))

  def batches():
    epoch = 0
    while True:
      yield from task.dataset('train', options.batch_size, training=True, seed=0, epoch=epoch)
      epoch += 1

  source, pictures = batches(), 0
  for _ in range(_WARM):
    next(source)
  started = time.monotonic()
  while time.monotonic() - started < options.seconds:
    next(source)
    pictures += options.batch_size
  rate = pictures / (time.monotonic() - started)
  config = Config.from_flat({'task': name, 'batch_size': options.batch_size})
  plan = Plan.of(config, task.steps_per_epoch(options.batch_size))
  trainer = Trainer(presets.supernet(options.supernet or task.default_supernet), task, config, plan.pruning, True)
  waiting, started = 0.0, 0.0
  for step in range(_WARM + options.steps):
    if step == _WARM:
      waiting, started = 0.0, time.monotonic()
    asked = time.monotonic()
    images, targets = next(source)
    waiting += time.monotonic() - asked
    float(trainer.train(images, targets, 0.01, 0.001)[0])
  whole = time.monotonic() - started
  height, width = task.image_size
  end.send(
    f'| `{name}` | {height}x{width} | {options.batch_size} | {cores} | {rate:,.0f} | {1000 * whole / options.steps:,.0f} ms |'
    f' {waiting / whole:.1%} |'
  )


if __name__ == '__main__':
  command.run(main)

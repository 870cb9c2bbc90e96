"""What a step of training is made of, beside what the processor could do at best.

python -m benchmarks.step_parts [--supernet=cifar] [--image_size=32] [--batch_size=128] [--cores=1] [--rounds=9]

All parts are timed in one process, in turns. A part is the difference of two functions of which one does it and the other does not:
backward is gradients without the forward pass, optimizer a step without averages and wrappers less the gradients, averages and
wrappers are what a step with them takes more. Input is what the processor spends on a batch, by whichever thread. The bound is three
times the MACs of a forward pass at the rates of a matrix product of 1024x1024 and of a depthwise 3x3 convolution (8 images, 64x64, 64
channels).
"""

from collections.abc import Callable, Sequence
import dataclasses
import statistics
import time
from typing import Any

from benchmarks.timed_steps import Kind, pin, trainer_of
from st_tf import command
from st_tf.config import flags

_SIDE, _MAPS, _REPEATS = 1024, (8, 64, 64, 64), 10
_BATCHES = 8


@dataclasses.dataclass(frozen=True)
class Options:
  """What to time."""

  supernet: str = dataclasses.field(default='cifar', metadata={'help': 'Preset, JSON file, or a network by name.'})
  task: str = dataclasses.field(default='shapes', metadata={'help': 'A task that needs no data.'})
  batch_size: int = dataclasses.field(default=128, metadata={'help': 'Images per step.'})
  image_size: int = dataclasses.field(default=32, metadata={'help': 'Side of the images in pixels.'})
  cores: int = dataclasses.field(default=1, metadata={'help': 'Cores that it may use.'})
  rounds: int = dataclasses.field(default=9, metadata={'help': 'Rounds, in which each takes its turn.'})


def main(argv: Sequence[str]) -> None:
  """Prints the table."""
  options = flags.read_options(argv, Options, __doc__)
  pin(options.cores)
  kind = Kind(options.supernet, options.task, options.image_size, options.batch_size, options.cores, wrapped=False)
  bare, images, targets, _ = trainer_of(dataclasses.replace(kind, settings=(('ema_decay', 0.0),)))
  plain, wrapped = (trainer_of(dataclasses.replace(kind, wrapped=wrapped))[0] for wrapped in (False, True))
  forward, gradients = _passes(bare, images, targets)
  calls: dict[str, Callable[[], Any]] = {
    'forward': forward,
    'gradients': gradients,
    'bare': lambda: float(bare.train(images, targets, 0.01, 0.0)[0]),
    'plain': lambda: float(plain.train(images, targets, 0.01, 0.0)[0]),
    'wrapped': lambda: float(wrapped.train(images, targets, 0.01, 0.001)[0]),
  } | _rates()
  times: dict[str, list[float]] = {name: [] for name in (*calls, 'input')}
  for call in calls.values():
    call()
  for _ in range(options.rounds):
    for name, call in calls.items():
      times[name].append(_seconds(call))
    times['input'].append(_input(wrapped.task, options.batch_size))
  print(f'`{options.supernet}` at {options.image_size}x{options.image_size}, batch {options.batch_size}, cores {options.cores}\n')
  _print_parts(times, wrapped.model, options.batch_size)


def _passes(trainer, images, targets) -> tuple[Callable[[], Any], Callable[[], Any]]:
  """The loss of a batch, and its gradients too."""
  import tensorflow as tf

  from st_tf.training import step

  variables = list(trainer.network.trainable.values())

  def loss():
    return tf.reduce_mean(trainer.task.loss(targets, trainer.model(images, training=True), 0.1))

  def gradients():
    with tf.GradientTape() as tape:
      value = loss()
    return tape.gradient(value, variables, unconnected_gradients='zero')

  # All of them are the results, so that none is left out.
  functions = [tf.function(function, autograph=False) for function in (loss, gradients)]

  def called(function):
    with step.as_written():
      return function()

  return lambda: called(functions[0]), lambda: called(functions[1])


def _rates() -> dict[str, Callable[[], Any]]:
  import tensorflow as tf

  left, right = tf.random.normal((_SIDE, _SIDE)), tf.random.normal((_SIDE, _SIDE))
  maps, kernel = tf.random.normal(_MAPS), tf.random.normal((3, 3, _MAPS[-1], 1))

  def products():
    for _ in range(_REPEATS):
      left @ right

  def depthwise():
    for _ in range(_REPEATS):
      tf.nn.depthwise_conv2d(maps, kernel, (1, 1, 1, 1), 'SAME')

  return {'products': products, 'depthwise': depthwise}


def _seconds(call: Callable[[], Any]) -> float:
  started = time.monotonic()
  call()
  return time.monotonic() - started


def _input(task, batch_size: int) -> float:
  """Seconds of the processor for a batch."""
  batches = iter(task.dataset('train', batch_size, training=True))
  next(batches)
  started, taken = time.process_time(), 0
  for _, _ in zip(range(_BATCHES), batches):
    taken += 1
  return (time.process_time() - started) / taken


def _print_parts(times: dict[str, list[float]], model, batch_size: int) -> None:
  from st_tf.models import cost
  from st_tf.models.variables import layers

  parts = {'input': ('input', ''), 'forward': ('forward', ''), 'backward': ('gradients', 'forward'), 'optimizer': ('bare', 'gradients')}
  parts |= {'averages': ('plain', 'bare'), 'masks and penalty': ('wrapped', 'plain')}
  step = statistics.median(times['wrapped'])
  print('| part | ms | of the step |')
  print('|---|---|---|')
  for name, (whole, without) in parts.items():
    taken = [a - b for a, b in zip(times[whole], times[without] if without else [0.0] * len(times[whole]))]
    print(f'| {name} | {1000 * statistics.median(taken):,.1f} | {statistics.median(taken) / step:.1%} |')
  print(f'| the step, without its input | {1000 * step:,.1f} | |')
  names = {layer.name for _, layer in layers(model) if 'Depthwise' in type(layer).__name__}
  found = cost.of(model).layers
  depthwise = sum(layer.macs for layer in found if layer.name in names)
  others = sum(layer.macs for layer in found) - depthwise
  batch, height, width, channels = _MAPS
  rates = (
    _REPEATS * _SIDE**3 / statistics.median(times['products']),
    _REPEATS * batch * height * width * channels * 9 / statistics.median(times['depthwise']),
  )
  bound = 3 * batch_size * (others / rates[0] + depthwise / rates[1])
  print(f'| at {rates[0] / 1e9:.1f} and, depthwise, {rates[1] / 1e9:.1f} G MACs a second | {1000 * bound:,.1f} | {bound / step:.1%} |')


if __name__ == '__main__':
  command.run(main)

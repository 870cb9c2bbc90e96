"""Scores a ticket or a .tflite file on a task.

python -m st_tf.evaluate --ticket=FOLDER [--task=NAME]
python -m st_tf.evaluate --model=FILE.tflite --task=NAME
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import json
import time
from typing import Any

import numpy as np

from st_tf import command
from st_tf import task as tasks
from st_tf.config import flags
from st_tf.errors import UserError
from st_tf.task import DataConfig, Task
from st_tf.wording import duration, score, score_name, size


class EvaluationError(UserError):
  """A network and a task that do not fit together."""


@dataclasses.dataclass(frozen=True)
class Options:
  """What to score, on what."""

  ticket: str = dataclasses.field(default='', metadata={'help': 'Folder of a ticket.'})
  model: str = dataclasses.field(default='', metadata={'help': 'A .tflite file, instead of a ticket.'})
  task: str = dataclasses.field(default='', metadata={'help': "Task to score it on; empty = the ticket's own."})
  split: str = dataclasses.field(default='test', metadata={'help': 'Which examples.', 'choices': tasks.SPLITS})
  batch_size: int = dataclasses.field(default=256, metadata={'help': 'Images per step; changes the time only.'})
  per_class: bool = dataclasses.field(default=False, metadata={'help': 'Show the scores of each class, best first.'})
  json: bool = dataclasses.field(default=False, metadata={'help': 'Print JSON with scores as fractions.'})

  def __post_init__(self):
    if bool(self.ticket) == bool(self.model):
      received = 'both' if self.ticket else 'neither'
      raise flags.FlagError(f'One of --ticket=FOLDER and --model=FILE.tflite is scored. Received: {received}.')
    if self.model and not self.task:
      raise flags.FlagError('A .tflite file does not know its task. Received: no --task. Add --task=NAME.')
    if self.batch_size < 1:
      raise flags.FlagError(f'--batch_size is at least 1. Received: {self.batch_size}.')


@dataclasses.dataclass(frozen=True)
class Network:
  """Something that can be scored.

  Attributes:
    name: where it comes from.
    about: what else is known of it.
    image_size: (height, width) it reads, in pixels.
    outputs: numbers it gives per image (or per pixel).
    infer: images [batch, height, width, 3], normalised as the task does -> outputs [batch, ..., outputs].
  """

  name: str
  about: str
  image_size: tuple[int, int]
  outputs: int
  infer: Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Evaluation:
  """The scores of a network.

  Attributes:
    model: the network's name.
    about: what else is known of it.
    task: the task's name.
    split: which of its examples.
    examples: how many.
    seconds: time it took.
    scores: by name; fractions, except for the loss.
    per_class: {label: {'count': n, score: value}}.
  """

  model: str
  about: str
  task: str
  split: str
  examples: int
  seconds: float
  scores: Mapping[str, float]
  per_class: Mapping[str, Mapping[str, float]]


def main(argv: Sequence[str]) -> None:
  """Runs the command."""
  options, given = flags.read_options_and_data(argv, Options, __doc__, DataConfig)
  network, task = _ticket(options, given) if options.ticket else _file(options, given)
  result = evaluate(network, task, options.split, options.batch_size)
  if options.json:
    facts = dataclasses.asdict(result)
    print(json.dumps(facts if options.per_class else {name: value for name, value in facts.items() if name != 'per_class'}, indent=2))
  else:
    print('\n'.join(lines(result, options.per_class)))


def evaluate(network: Network, task: Task, split: str, batch_size: int) -> Evaluation:
  """Scores `network` on a split of `task`.

  Raises:
    EvaluationError: it reads other images or gives other outputs than the task has.
  """
  if network.image_size != tuple(task.image_size):
    wanted = ' '.join(f'--{name}={value}' for name, value in tasks.size_settings(network.image_size).items())
    sizes = ['x'.join(map(str, size)) for size in (network.image_size, task.image_size)]
    raise EvaluationError(
      f'The images of the task have the size the network reads, {sizes[0]}. Received: {sizes[1]} from {task.name}. Use {wanted}.'
    )
  if network.outputs != task.head.outputs:
    raise EvaluationError(
      f'A network has as many outputs as its task, {task.head.outputs} for {task.name}. Received: {network.outputs}'
      f' in {network.name}. Choose the --task it was trained for.'
    )
  with command.quiet_imports():
    from st_tf.task import scoring
  started = time.monotonic()
  metrics = scoring.score(network.infer, task, split, batch_size)
  seconds = time.monotonic() - started
  return Evaluation(network.name, network.about, task.name, split, task.sizes[split], seconds, metrics.result(), metrics.per_class())


def lines(result: Evaluation, per_class: bool = False) -> list[str]:
  """The table for people."""
  rate = result.examples / max(result.seconds, 1e-9)
  facts = [
    ('network', result.model),
    ('', result.about),
    ('task', f'{result.task}, {result.split} split, {result.examples:,} examples'),
    ('time', f'{duration(result.seconds)} ({rate:,.0f} images per second)'),
  ]
  scores = [(score_name(name), score(name, value)) for name, value in result.scores.items()]
  found = [f'{name:8} {value}' for name, value in facts if value] + ['', *_aligned(scores)]
  if per_class:
    metric = next(name for scores in result.per_class.values() for name in scores if name != 'count')
    ranked = sorted(result.per_class.items(), key=lambda entry: (-entry[1][metric], entry[0]))
    rows = [(label, score(metric, entry[metric]), f'{entry["count"]:,}') for label, entry in ranked]
    found += ['', *_aligned([('class', score_name(metric), 'examples'), *rows])]
  return found


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
  widths = [max(map(len, column)) for column in zip(*rows)]
  return ['  '.join([f'{row[0]:{widths[0]}}', *(f'{cell:>{width}}' for cell, width in zip(row[1:], widths[1:]))]) for row in rows]


def _ticket(options: Options, given: Mapping[str, Any]) -> tuple[Network, Task]:
  """The ticket, and its task with the data settings it was trained with, save for those given."""
  with command.quiet_imports():
    import tensorflow as tf

    from st_tf.ticket import Ticket
    from st_tf.ticket.task_of import renormalisation, task_of
  ticket = Ticket.load(options.ticket)
  with command.quiet_imports():
    task = task_of(ticket, given, options.task)
  model = ticket.build_model(raw=True)
  scale, shift = renormalisation(task, ticket.task)
  infer = tf.function(lambda images: model(images * scale + shift, training=False), reduce_retracing=True)
  about = f'{ticket.sparsity:.1%} sparse, fingerprint {ticket.fingerprint[:12]}'
  return Network(options.ticket, about, tuple(ticket.input_shape[:2]), ticket.head.outputs, infer), task


def _task(name: str, settings: Mapping[str, Any]) -> Task:
  with command.quiet_imports():
    return tasks.load(name, DataConfig(**settings))


def _file(options: Options, given: Mapping[str, Any]) -> tuple[Network, Task]:
  with command.quiet_imports():
    from tflite.runner import Runner, single
  runner = Runner.load(options.model)
  task = _task(options.task, tasks.size_settings(runner.image_size) | given)
  outputs = runner.output_shape[-1] if runner.output_shape else 1
  infer = _as_normalised(runner, task)
  return Network(options.model, size(runner.bytes), runner.image_size, outputs, lambda images: single(infer(images))), task


def _as_normalised(runner: Any, task: Task) -> Callable[[np.ndarray], np.ndarray]:
  """`runner` for the task's normalised images: a file whose metadata say how it wants pixels gets them so."""
  if runner.normalization is None:
    return runner
  mean, deviation = runner.normalization
  pixels = 255 * np.float32(task.mean), 255 * np.float32(task.deviation)
  return lambda images: runner(((images * pixels[1] + pixels[0] - mean) / deviation).astype(np.float32))


if __name__ == '__main__':
  command.run(main)

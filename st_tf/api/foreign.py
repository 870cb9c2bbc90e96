"""A .tflite file of anybody's as a network that a task scores: its pixels, its outputs and its labels as the task has them."""

from collections.abc import Callable, Iterator, Mapping
import contextlib
import dataclasses
import pathlib
from typing import Any

import numpy as np

from st_tf import task as tasks
from st_tf import wording
from st_tf.api import labels
from st_tf.api.evaluation import EvaluationError, Network
from st_tf.api.outputs import Outputs, OutputsError
from st_tf.errors import did_you_mean
from st_tf.models.families import PIXELS
from st_tf.task import DataConfig, Normalisation, Task
from tflite.file import described, flat, model_file, pixels, trial
from tflite.file.flat import Model
from tflite.file.model_file import ModelFileError
from tflite.file.picture import Picture, picture
from tflite.file.runner import Runner, single
from tflite.file.uniform import uniform

_GREY = np.float32([0.299, 0.587, 0.114])  # Pillow's, of ITU-R 601.


@dataclasses.dataclass(frozen=True)
class Reading:
  """What the user says of a file that does not say it itself.

  Attributes:
    signature: which graph of several; '' = `serving_default`, or the first.
    output: which result of several, by its name.
    pixels: what the file wants, one of `config.groups.PIXELS` or 'task'; '' = as the file says.
    labels: a text file with the name of each output, or 'task'; '' = as the file says.

  Raises:
    ModelFileError: no such pixels.
  """

  signature: str = ''
  output: str = ''
  pixels: str = ''
  labels: str = ''

  def __post_init__(self):
    ways = ('', *PIXELS, pixels.TASK)
    if self.pixels not in ways:
      raise ModelFileError(f'Pixels are one of {", ".join(ways[1:])}. Received: {self.pixels!r}.{did_you_mean(str(self.pixels), ways[1:])}')


def network(path: str | pathlib.Path, given: Mapping[str, Any], task: Task | str, reading: Reading = Reading()) -> tuple[Network, Task]:
  """A .tflite file as a network, and what it is scored on.

  Args:
    path: the file.
    given: settings of `DataConfig`.
    task: what it is scored on, or its name.
    reading: what the file does not say itself.

  Raises:
    UserError: it is no image network, or none of this task.
  """
  name = str(path)
  content = model_file.load(path)
  model = flat.read(content, name, reading.signature)
  seen = picture(model, name)
  if isinstance(task, str):
    fixed = tasks.size_settings(seen.size) if min(seen.size) > 0 else {}
    task = tasks.load(task, DataConfig.of(fixed | dict(given)))
  size = tuple(own if own > 0 else wanted for own, wanted in zip(seen.size, task.image_size))
  output = _output(model, reading.output, name)
  known = {way: Normalisation(*values) for way, values in PIXELS.items()} | {pixels.TASK: task.normalisation}
  with _way_out('--pixels', name):
    said = None if reading.pixels else described.normalization(content, model.graph)
  wanted = pixels.wanted(model, seen, said, reading.pixels, known, name)
  changed = uniform(content, model, size, output, name)
  trial.run_once(changed, name)
  runner = Runner(changed, name)
  if not runner.is_batched and len(runner.output_shape) > 1:
    raise ModelFileError(
      f'An output is [1, ...], of one picture, or a row of numbers. Received: {list(runner.output_shape)} in {name}. Convert it with the'
      ' batch in its output, or choose another by --output.'
    )
  classifies = task.semantics['kind'] == 'classification'
  count = int(np.prod(runner.output_shape if classifies else runner.output_shape[-1:]))
  of_labels, notes = _labels(content, model, output, count, task, reading, name)
  classes = len(of_labels) if of_labels is not None else count
  notes = [f'pixels: {wanted.note}', *_sizes(model, seen, size), *notes]
  found = Network(name, wording.size(len(content)), size, classes, _shown(runner, task, wanted.normalisation, seen), tuple(notes))
  if classifies:
    return _classifier(found, _outputs(model, output, task, name), of_labels, count, task), task
  infer = found.infer
  ordered = (lambda maps: maps[..., of_labels]) if of_labels is not None else (lambda maps: maps)
  return dataclasses.replace(found, infer=lambda images: ordered(single(infer(images)))), task


def _output(model: Model, wanted: str, name: str) -> int:
  """Which of the file's outputs is scored."""
  shapes = [list(model.tensors[index].shape) for index in model.outputs]
  listed = ', '.join(f'{output} {shape}' for output, shape in zip(model.output_names, shapes)) or 'none'
  own = [model.tensors[index].name for index in model.outputs]
  if wanted:
    for names in (model.output_names, own):
      if wanted in names:
        return names.index(wanted)
    raise ModelFileError(f'--output is one of those of the file. Received: {wanted!r}; {name} has {listed}.')
  if len(shapes) != 1:
    raise ModelFileError(f'One output is scored. Received: {len(shapes)} in {name} ({listed}). Choose one by --output.')
  return 0


def _outputs(model: Model, output: int, task: Task, name: str) -> Outputs:
  try:
    return Outputs.of(model, output, len(task.labels))
  except OutputsError as error:
    raise OutputsError(f'{error} ({name})') from None


def _sizes(model: Model, seen: Picture, size: tuple[int, int]) -> list[str]:
  free = ['batch: not fixed, taken as 1'] if any(model.tensors[index].batch == -1 for index in model.inputs) else []
  if min(seen.size) < 0:
    free.append(f'size: not fixed, taken as {size[0]}x{size[1]}, that of the task')
  grey = ['colours: none, pictures are made grey'] if seen.channels == 1 else []
  return [*([f'graph: {model.note}'] if model.note else []), *free, *grey]


@contextlib.contextmanager
def _way_out(flag: str, name: str) -> Iterator[None]:
  """What is damaged of a file's metadata can be said by a flag."""
  try:
    yield
  except ModelFileError as error:
    raise ModelFileError(f'{error} Or say by {flag} what they would say of {name}.') from error


def _labels(
  content: bytes, model: Model, output: int, count: int, task: Task, reading: Reading, name: str
) -> tuple[list[int] | None, list[str]]:
  """(the output of each of the task's labels, or None where they are taken as they come; what is to be said)."""
  if reading.labels == labels.TASK:
    return None, [f'labels: in the order of the task, as --labels={labels.TASK} says']
  if reading.labels:
    found, source = labels.read(reading.labels), reading.labels
  else:
    with _way_out('--labels', name):
      packed = described.labels(content, model.graph, output, count)
    if packed is None:
      return None, ['labels: none in the file; its outputs are taken in the order of the task']
    found, source = labels.parse(packed[1], packed[0]), f'{packed[0]} of the file'
  if len(found) != count and not (len(found) == 2 and _is_one(count, task)):
    raise EvaluationError(
      f'Each output has a label. Received: {_several(len(found), "label")} in {source}, {_several(count, "output")} in {name}. Name them by'
      f' --labels=FILE, or take them in the order of the task by --labels={labels.TASK}.'
    )
  order, note = labels.order(found, task.labels, source)
  return order, [f'labels: {note}']


def _is_one(count: int, task: Task) -> bool:
  """Whether a single output speaks for two classes."""
  return count == 1 and len(task.labels) == 2 and task.semantics['kind'] == 'classification'


def _several(number: int, what: str) -> str:
  return f'{number} {what}{"" if number == 1 else "s"}'


def _shown(runner: Runner, task: Task, wanted: Normalisation, seen: Picture) -> Callable[[np.ndarray], np.ndarray]:
  """What runs the file on the task's images, [n, height, width, 3] as the task normalises them."""

  def run(images: np.ndarray) -> np.ndarray:
    outputs = runner(images)
    if outputs.shape[1:] != runner.output_shape:
      raise ModelFileError(
        f'An output has a fixed size. Received: {list(outputs.shape[1:])} for a picture, where {list(runner.output_shape)} is said, from'
        f' {runner.name}. Convert it with outputs of fixed size.'
      )
    return outputs

  if wanted == task.normalisation and seen.channels == 3 and not seen.is_bytes:
    return run
  mean, deviation = (np.asarray(values, np.float32) for values in (wanted.mean, wanted.deviation))
  to_bytes = task.normalisation.to_bytes

  def infer(images: np.ndarray) -> np.ndarray:
    found = to_bytes(np.asarray(images))
    if seen.channels == 1:
      found = np.rint(found @ _GREY[:, None])
      return run(((found / 255 - mean.mean()) / deviation.mean()).astype(np.float32))
    # Whole numbers are cut, not rounded, on their way into a file of bytes.
    found = np.rint(found) if seen.is_bytes else found
    return run(((found / 255 - mean) / deviation).astype(np.float32) if not seen.is_bytes else found.astype(np.float32))

  return infer


def _classifier(network: Network, read: Outputs, order: list[int] | None, count: int, task: Task) -> Network:
  """The network whose outputs [n, ..., count] are logits [n, classes] in the order of the task."""
  classes = len(task.labels)
  one = _is_one(count, task)
  if order is None and not one and count != classes:
    hint = (
      ' One more may be a background; name the outputs by --labels=FILE.'
      if count == classes + 1
      else ' Choose the --task it was trained for.'
    )
    raise EvaluationError(
      f'A network has as many outputs as its task, {classes} for {task.name}. Received: {count} in {network.name}.{hint}'
    )
  infer = network.infer

  def answers(images: np.ndarray) -> np.ndarray:
    try:
      found = read(np.asarray(infer(images)))
    except OutputsError as error:
      raise OutputsError(f'{error} ({network.name})') from None
    found = found if order is None else found[:, order]
    read.compare(found)
    return found

  notes = network.notes
  if one:
    # It is the second of the file's labels, wherever the task has it.
    notes = (*notes, f'outputs: one, taken as that of {task.labels[1 if order is None else order.index(1)]!r}')
  return dataclasses.replace(network, outputs=classes, infer=answers, notes=notes, read=read)

"""What the page consists of: its files, the ticket stored in both ways, example pictures and what is to be said about them."""

from collections.abc import Mapping, Sequence
import dataclasses
import io
import json
import pathlib
from typing import Any

import numpy as np
from PIL import Image
import tensorflow as tf

from st_tf import wording
from st_tf.errors import UserError
from st_tf.task import Task
from st_tf.task.scoring import readable
from st_tf.ticket import TaskFacts, Ticket
from tflite.deployment import of_ticket
from tflite.file.encode import EncodingError, encode
from tflite.file.flat import read
from tflite.file.formats import FORMATS
from tflite.file.runner import Runner
from tflite.file.sparse_rules import diagnose
from tflite.storage import WORTHWHILE
from tflite.web.shown import AS_MADE, Shown

TOP = 5
_PAGE = pathlib.Path(__file__).with_name('page')
_FRONT = 'index.html'
_STORED_DENSELY = 'None of its kernels has enough zeros for leaving them out to save space.'


@dataclasses.dataclass(frozen=True)
class Example:
  """A picture to try.

  Attributes:
    picture: [height, width, 3] uint8, as the network is scored on it.
    truth: its label; empty where labels are of places in the picture.
    true_picture: [height, width, 3] uint8, which shows the truth in their place.
  """

  picture: np.ndarray
  truth: str
  true_picture: np.ndarray | None = None

  @property
  def png(self) -> bytes:
    """The picture as a file, pixel for pixel."""
    return _png(self.picture)


def page() -> dict[str, bytes]:
  """The files of the page itself by path; the front page is '/'."""
  files = {f'/{path.name}': path.read_bytes() for path in sorted(_PAGE.iterdir()) if path.is_file()}
  return files | {'/': files.pop(f'/{_FRONT}')}


def site(ticket: Ticket, shown: Shown, files: Mapping[str, bytes], examples: Sequence[Example]) -> dict[str, bytes]:
  """Everything that is served, by path.

  Args:
    ticket: the ticket.
    shown: which file of it.
    files: what `models` gives.
    examples: pictures to try; may be empty.
  """
  said = facts(ticket, shown, files, examples)
  served = {said['files'][name]['url']: content for name, content in files.items()}
  for entry, example in zip(said['examples'], examples):
    served[entry['url']] = example.png
    if example.true_picture is not None:
      served[entry['truthUrl']] = _png(example.true_picture)
  return page() | {f'/{path}': content for path, content in served.items()} | {'/facts.json': json.dumps(said).encode()}


def models(ticket: Ticket, shown: Shown = AS_MADE) -> dict[str, bytes]:
  """The ticket as the files 'dense', with its zeros, and 'sparse', without them; both read pixels from 0 to 1.

  An exported file is one of the two as it is. Where no runtime executes its numbers sparsely, it is the only one.

  Args:
    ticket: the ticket.
    shown: which file of it.

  Raises:
    UserError: the ticket has no form as one of the files.
  """
  given = {shown.form: shown.content} if shown.name else {}
  if not FORMATS[shown.format].runs_sparsely:
    return given
  network = of_ticket(ticket)
  try:
    return {
      name: given.get(name) or encode(network.function, ticket.input_shape, shown.format, name == 'sparse', variables=network.variables)
      for name in ('dense', 'sparse')
    }
  except EncodingError as error:
    raise UserError(f'The page shows a ticket stored dense next to sparse. Received: {error} Use another --format or ticket.') from error


def facts(ticket: Ticket, shown: Shown, files: Mapping[str, bytes], examples: Sequence[Example]) -> dict[str, Any]:
  """What the page knows of its ticket, as JSON has it.

  Args:
    ticket: the ticket.
    shown: which file of it.
    files: what `models` gives.
    examples: pictures to try.
  """
  semantics = ticket.task.semantics
  return {
    'kind': ticket.kind,
    'colours': semantics.get('colours', []),
    'skeleton': semantics.get('skeleton', []),
    **_map(ticket, files),
    'task': wording.task_title(ticket.task.name),
    'labels': list(ticket.task.labels),
    'size': list(ticket.input_shape[:2]),
    'keep': ticket.task.keep,
    'top': len(ticket.task.labels) if ticket.kind == 'keypoints' else TOP,
    'sparsity': wording.percent(ticket.sparsity),
    'format': shown.format,
    'shown': shown.form,
    'fingerprint': ticket.fingerprint,
    'tiles': [*tiles(ticket), *_file(shown)],
    'files': {
      name: {
        'url': shown.name if shown.name and name == shown.form else f'{name}.tflite',
        'bytes': len(content),
        'size': wording.size(len(content)),
      }
      for name, content in files.items()
    },
    'worthwhile': WORTHWHILE,
    'obstacle': obstacle(files['sparse']) if 'sparse' in files else '',
    'examples': [
      {'url': f'example{index}.png', 'truth': example.truth, 'truthUrl': f'truth{index}.png' if example.true_picture is not None else ''}
      for index, example in enumerate(examples)
    ],
  }


def _map(ticket: Ticket, files: Mapping[str, bytes]) -> dict[str, Any]:
  """{'map': (rows, columns), 'repeats'}: a map's places, and how often a file gives each per direction; empty where there is none."""
  if ticket.head.kind == 'classification':
    return {}
  rows, columns, _ = ticket.network.output_shape[1:]
  return {'map': [rows, columns], 'repeats': Runner(next(iter(files.values()))).output_shape[0] // rows}


def tiles(ticket: Ticket) -> list[dict[str, str]]:
  """The headline numbers: {'title', 'value', 'note'}."""
  metric, labels = ticket.task.primary_metric, ticket.task.labels
  rows = [
    ('Task', wording.task_title(ticket.task.name), ''),
    ('Sparsity', wording.percent(ticket.sparsity), 'of the prunable weights are zero'),
  ]
  for split in ('validation', 'test'):
    if metric in ticket.metrics.get(split, {}):
      rows.append((f'{split.capitalize()} score', wording.score(metric, ticket.metrics[split][metric]), wording.score_name(metric)))
  rows.append(('Labels', str(len(labels)), ', '.join([*labels[:3], '…'] if len(labels) > 3 else labels)))
  rows.append(('Image size', '×'.join(map(str, ticket.input_shape[:2])), 'pixels, after a centre crop'))
  return [{'title': title, 'value': value, 'note': note} for title, value, note in rows]


def _file(shown: Shown) -> list[dict[str, str]]:
  """The tile of the file that was exported."""
  if not shown.name:
    return []
  return [{'title': 'File', 'value': shown.name, 'note': f'{wording.size(len(shown.content))}, {shown.form}; it is what answers'}]


def obstacle(sparse: bytes) -> str:
  """The first thing that keeps the sparse file from being executed sparsely, as a sentence; empty where there is none."""
  model = read(sparse, 'the sparse file')
  if not any(tensor.stored_sparsely for tensor in model.tensors):
    return _STORED_DENSELY
  for finding in diagnose(model).findings[:1]:
    return f'{finding.where}: {finding.what}; {finding.change}.'
  return ''


def examples(task: Task, trained: TaskFacts, count: int, seed: int = 0) -> list[Example]:
  """A seeded choice of validation pictures, never one picked for its answer.

  Args:
    task: where they come from.
    trained: the ticket's task, whose labels are shown.
    count: how many; fewer where the split is smaller.
    seed: of the choice.

  Raises:
    TaskError: a picture cannot be read.
  """
  size = task.scored('validation')
  chosen = []
  for index in np.random.default_rng(seed).choice(size, min(count, size), replace=False).tolist():
    images, targets = next(iter(readable(task.dataset('validation', 1, start_batch=index).as_numpy_iterator())))
    picture = task.normalisation.denormalised(images[0])
    if task.head.kind == 'classification':
      chosen.append(Example(picture, trained.labels[int(targets[0].argmax())]))
    else:
      nothing = np.zeros((1, 1, task.head.outputs), np.float32)
      shown = task.sample(picture, tf.nest.map_structure(lambda target: target[0], targets), nothing).pictures
      chosen.append(Example(picture, '', dict(shown)['truth']))
  return chosen


def _png(picture: np.ndarray) -> bytes:
  file = io.BytesIO()
  Image.fromarray(picture).save(file, 'PNG')
  return file.getvalue()

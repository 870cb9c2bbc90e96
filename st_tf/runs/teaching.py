"""Whom a run learns from: a ticket, a file of Keras, or the network that it begins with."""

from st_tf.arch import presets
from st_tf.config import Config, ConfigError
from st_tf.config.named_files import START, TICKET
from st_tf.files import expanded
from st_tf.models import named_variables, starts
from st_tf.models.graph import build_graph
from st_tf.models.high_resolution import CLASSIFIER
from st_tf.models.starts import Start
from st_tf.task import Task
from st_tf.task.normalisation import Normalisation
from st_tf.ticket import Ticket
from st_tf.training.teacher import Teacher


def teacher(task: Task, config: Config) -> Teacher | None:
  """The teacher that the settings name; None where they name none.

  Raises:
    ConfigError: its outputs or its images are not those of the task, or it is a start that has trained for no task.
    SpecError, TicketError: it cannot be read.
  """
  name = config.training.teacher
  if not name:
    return None
  if name == START:
    return _of_start(task, config)
  if (expanded(name) / TICKET).is_file():
    return _of_ticket(task, Ticket.load(expanded(name)))
  begun = starts.start(f'{presets.KERAS}{name}', '', config.training.teacher_pixels, task.head, task.image_size, 'kept')
  return _of_weights(task, begun, f'{name}, which has other outputs than the {task.head.outputs} of {task.name}')


def _of_ticket(task: Task, ticket: Ticket) -> Teacher:
  if ticket.task.labels != tuple(task.labels):
    raise ConfigError(
      f'A teacher knows the labels of {task.name}, in their order. Received: --teacher with {", ".join(ticket.task.labels[:5])}'
      f'{", ..." if len(ticket.task.labels) > 5 else ""} of {ticket.task.name}. Train one on {task.name}.'
    )
  if tuple(ticket.input_shape[:2]) != tuple(task.image_size):
    raise ConfigError(
      f'A teacher sees the images of the run, {task.image_size[0]}x{task.image_size[1]} pixels. Received: --teacher for'
      f' {ticket.input_shape[0]}x{ticket.input_shape[1]}. Change --image_size.'
    )
  return Teacher(ticket.build_model(raw=True), ticket.task.normalisation, ticket.fingerprint)


def _of_start(task: Task, config: Config) -> Teacher:
  if config.origin:
    flag = 'init_from' if config.init_from else 'source'
    raise ConfigError(f'--teacher=start is the network that a run begins with. Received: --{flag}={config.origin}. Give it as --teacher.')
  name = config.supernet or task.default_supernet
  if not presets.is_graph(name):
    raise ConfigError(f'--teacher=start is a network by name or by file. Received: --supernet={name}. Name a ticket or a file as teacher.')
  begun = starts.start(name, config.weights, config.pixels, task.head, task.image_size, 'kept')
  return _of_weights(task, begun, f'{name}, whose last layer is not trained')


def _of_weights(task: Task, begun: Start, received: str) -> Teacher:
  if not any(name.startswith(f'{CLASSIFIER}/') for name in begun.values):
    raise ConfigError(
      f'A teacher is trained for {task.name}, its last layer included. Received: {received}. Train it with --method=dense, and give its'
      ' ticket as --teacher.'
    )
  model = build_graph(begun.graph, (*task.image_size, 3))
  for name, variable in named_variables(model).items():
    variable.assign(begun.values[name])
  return Teacher(model, Normalisation(begun.mean, begun.deviation))

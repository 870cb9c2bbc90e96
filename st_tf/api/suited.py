"""What suits a run where nobody says otherwise, and why: its network, the pixels that this wants, and its settings."""

import copy
import dataclasses
import pathlib
from typing import Any

from st_tf import methods
from st_tf.api import image_size
from st_tf.api.fitting import fine_tuning, fitting, from_scratch, is_said, told
from st_tf.api.image_size import Reasoned
from st_tf.arch import presets
from st_tf.arch.graph import Graph
from st_tf.arch.specs import SpecError
from st_tf.config import Config, ConfigError, TrainingConfig
from st_tf.config.named_files import TICKET, ticket_in
from st_tf.config.request import Request
from st_tf.methods import elastic
from st_tf.models import families, starts
from st_tf.task import Task
from st_tf.ticket import Ticket, moving

TRAINED = ('efficientnet_lite0', 'mobilenet_v2')  # For photographs, the first whose weights are at hand.
_PHOTOGRAPHS = ('mobile', 'mobile_dense')  # Presets that tasks of photographs have by default.
# What a training that goes on at another depth has from the one before it.
_OF_TRAINING = (
  'epochs',
  'batch_size',
  *(field.name for field in dataclasses.fields(TrainingConfig) if not field.name.startswith(('teacher', 'quantize', 'initial'))),
)
_OF_TRAINED = ('weights', 'pixels', 'padding')


def suited(task: Task, request: Request, jobs: int = 1) -> tuple[Task, Config]:
  """(the task, of which a copy gives the pixels that the network's weights want, settings with those that suit both); says why.

  Args:
    task: what to train on.
    request: what is wanted.
    jobs: trainings at a time, which share the machine's memory.

  Raises:
    UserError: there is no such network, or it does not suit the task.
  """
  config = request.resolved(task.settings)
  if config.method == 'elastic' and config.elastic.source:
    return _stretching(task, request, jobs)
  if config.init_from:
    _check_alone(config, request)
    is_ticket = (pathlib.Path(config.init_from) / TICKET).is_file()
    return _going_on(Ticket.load(config.init_from), task, request, jobs) if is_ticket else (task, config)
  name, note = supernet(task, config)
  starts.check(name, config.weights, config.pixels, config.padding)
  # From here on the weights are a file, or none: what the run is known by, and where all of it reads them.
  try:
    weights, size, why = _sized(task, name, config.weights, is_free(task, request))
  except SpecError as error:
    raise SpecError(f'{error}{_otherwise(task, config)}') from error
  task, sized, said = image_size.taken(task, size, why)
  note = '\n'.join(filter(None, (note, said, _of_size(task, name))))
  if not presets.is_graph(name):
    own = fitting(
      task, presets.supernet(name), request, jobs, lambda batch: from_scratch(task, request, batch) if name in _PHOTOGRAPHS else {}
    )
    return task, told(request, task, own | sized, {}, note)
  begun = starts.of(dataclasses.replace(config, supernet=name, weights=weights), task.head, task.image_size)
  own = fitting(task, begun.graph, request, jobs, lambda batch: (fine_tuning if begun.values else from_scratch)(task, request, batch))
  chosen = told(request, task, own | sized, {'supernet': name}, note, *begun.notes)
  if not begun.values and chosen.search.removes_first and 'unit_search' in methods.named(chosen.method).reads:
    print('Scores say little of random weights: layers may be left with one unit. --unit_search=factors searches while they are trained.')
  return _giving(task, begun), dataclasses.replace(chosen, weights=weights)


def supernet(task: Task, config: Config) -> tuple[str, str]:
  """(the network of a run, what should be known of the choice).

  Without --supernet photographs have a trained mobile network where its weights are given or at hand, else the task's preset.
  """
  its_own = methods.named(config.method).has_networks
  if config.supernet or task.default_supernet not in _PHOTOGRAPHS or config.weights == families.NONE or its_own:
    return config.supernet or task.default_supernet, ''
  if config.weights not in ('', families.IMAGENET):
    suffix = pathlib.Path(config.weights).suffix
    name = next((name for name in TRAINED if suffix in families.named(name).suffixes), TRAINED[0])
    return name, f'supernet {name}: whose weights are such files; --supernet names another'
  found = next((name for name in TRAINED if _sized(task, name, '', not config.data.image_size)[0] != families.NONE), '')
  if found:
    return found, f'supernet {found}: its trained weights are at hand; --supernet names another, --weights=none begins at random'
  if config.weights:
    return TRAINED[-1], f'supernet {TRAINED[-1]}: its trained weights can be fetched; --supernet names another'
  return task.default_supernet, (
    f'supernet {task.default_supernet}, from scratch: no trained weights are at hand. With few pictures a trained network is far better:'
    ' --weights=imagenet fetches one'
  )


def _otherwise(task: Task, config: Config) -> str:
  """The other way to trained weights, where those that would be fetched cannot be had."""
  if config.weights != families.IMAGENET or task.default_supernet not in _PHOTOGRAPHS:
    return ''
  lite = families.named(TRAINED[0]).file_of
  return (
    f' Or begin with {TRAINED[0]}, by --weights=FILE.npz alone: {lite}. Put at {families.at(TRAINED[0])} it is what runs on photographs'
    ' begin with, without --weights and --supernet.'
  )


def is_free(task: Task, request: Request) -> bool:
  """Whether nobody has said how large images are; settings of a file that leave it at its default say that it is the task's own."""
  return not is_said('image_size', request, task)


def _sized(task: Task, name: str, weights: str, is_free: bool) -> tuple[str, tuple[int, int], str]:
  """(what the weights of a network come to, (height, width) of the images, why); without weights those of a training from scratch.

  Args:
    task: with its own image size.
    name: of the network.
    weights: as of `starts.located`.
    is_free: whether the image size is not given.
  """
  own = tuple(task.image_size)
  free = is_free and bool(task.picture_sizes)
  if not presets.is_graph(name):
    return '', *(image_size.suiting(task, 0, name) if free else (own, ''))
  if not free or weights == families.NONE:
    return starts.located(name, weights, own), *(image_size.suiting(task, 0, name) if free else (own, ''))
  size, why = image_size.suiting(task, starts.side(name), name)
  for given in dict.fromkeys(('' if weights == families.IMAGENET else weights, weights)):  # What is at hand is not fetched.
    for tried, reason in ((size, why), (own, 'the size that the weights at hand are for')):
      found = starts.located(name, given, tried)
      if found != families.NONE:
        return found, tried, reason
  return found, *image_size.suiting(task, 0, name)


def _of_size(task: Task, name: str) -> str:
  """What should be known of an image size at which a network for phones cannot run sparsely there (docs/deploying.md)."""
  fitting = [max(side // image_size.STEP, 1) * image_size.STEP for side in task.image_size]
  if not (name in _PHOTOGRAPHS or presets.is_graph(name)) or all(side % image_size.STEP == 0 for side in task.image_size):
    return ''
  sizes, better = ('x'.join(map(str, dict.fromkeys(values))) for values in (task.image_size, fitting))
  return f'image_size {sizes}: networks run sparsely on phones at multiples of {image_size.STEP} pixels only; {better} is one'


def _going_on(ticket: Ticket, task: Task, request: Request, jobs: int) -> tuple[Task, Config]:
  """What a training that goes on with a ticket has: of a trained network its pixels, and settings that suit a fine-tuning."""
  sized: Reasoned = {}
  size = tuple(ticket.input_shape[:2])
  if is_free(task, request) and task.picture_sizes and (size[0] == size[1] or task.semantics['kind'] == 'segmentation'):
    task, sized, _ = image_size.taken(task, size, 'as the ticket has it')
  if not isinstance(ticket.arch, Graph):
    return task, told(request, task, fitting(task, ticket.arch, request, jobs, lambda batch: {}) | sized, {})
  of_training = ('ranking', 'learning_rate', 'weight_decay', 'batch_size', 'epochs')

  def choose(batch: int | None) -> Reasoned:
    return {name: reasoned for name, reasoned in fine_tuning(task, request, batch).items() if name in of_training}

  own = fitting(task, ticket.arch, request, jobs, choose) | sized
  return _giving(task, ticket.task), told(request, task, own, {'unit_search': 'scores'})


def _stretching(task: Task, request: Request, jobs: int) -> tuple[Task, Config]:
  """What a training has that goes on with a ticket at another depth: the pixels and the settings of the training that drew it.

  Raises:
    UserError: there is no such ticket, or it is given along with other weights.
  """
  config = request.resolved(task.settings)
  given = next((name for name in ('init_from', 'weights', 'pixels', 'padding') if request.given.get(name)), '')
  if given:
    raise ConfigError(f'--source brings weights and pixels. Received: --{given}={request.given[given]} too. Leave out one.')
  path = ticket_in(config.elastic.source, request.sparsity)
  ticket = Ticket.load(path)
  then = moving.begun(ticket)
  then['epochs'] = then['retrain_epochs'] or then['epochs']
  usual = Config().flat()
  own = {name: (then[name], 'as of the source') for name in _OF_TRAINING if then[name] != usual[name]}
  further = {'sparsity': (ticket.sparsity,)}
  chosen = told(request, task, fitting(task, elastic.network(config, ticket), request, jobs, lambda batch: own), further)
  chosen = dataclasses.replace(chosen, elastic=dataclasses.replace(chosen.elastic, source=path))
  return (_giving(task, ticket.task) if isinstance(ticket.arch, Graph) else task), chosen


def _check_alone(config: Config, request: Request) -> None:
  """Refuses what a run that goes on with weights of its own does not read.

  Raises:
    ConfigError: naming it.
  """
  given = next((name for name in _OF_TRAINED if request.given.get(name)), '')
  if given:
    raise ConfigError(f'--init_from brings its weights. Received: --{given}={request.given[given]} too. Leave out one.')
  if presets.is_graph(config.supernet):
    raise ConfigError(
      f'--init_from=FILE.npz goes with a preset. Received: --supernet={config.supernet} too. Give its weights by --weights=FILE.'
    )


def _giving(task: Task, wanted: Any) -> Task:
  """The task with the mean and deviation of `wanted`; the caller's own stays as it is."""
  copied = copy.copy(task)
  copied.mean, copied.deviation = tuple(wanted.mean), tuple(wanted.deviation)
  return copied

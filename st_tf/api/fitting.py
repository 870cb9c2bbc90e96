"""Settings that suit pictures and start of a run where nobody says otherwise, and why."""

from collections.abc import Callable, Mapping
import math
from typing import Any

from st_tf import methods
from st_tf.api.image_size import Reasoned
from st_tf.api.stand_in import StandIn
from st_tf.arch import memory
from st_tf.arch.graph import Architecture
from st_tf.config import PRUNING_SETTINGS, SEARCH_SETTINGS, Config, ConfigError
from st_tf.config.request import Request
from st_tf.task import Task
from st_tf.training import replicas

_BATCH = 32
# Of a network that is trained already (docs/results/clothing).
_FINE_TUNING = {
  'unit_search': ('scores', 'its weights say what a unit is worth'),
  'unit_multiple': (8, 'kernels are fastest at such numbers of units'),
  'target_macs': (0.4, 'units before zeros, at equal weights left'),
  'sparsity': ((0.85,), 'of the weights of the units that are left'),
  'ranking': ('global', 'trained weights of all layers compare'),
  'prune_begin': (0.02, 'trained weights need no time to tell'),
  'prune_end': (0.5, 'half of the training is for what is left'),
  'learning_rate': (0.05, ''),
  'weight_decay': (4e-5, 'a fine-tuning moves weights little'),
  'batch_size': (_BATCH, 'more steps from few pictures'),
}
_FROM_SCRATCH = {'batch_size': (_BATCH, 'more steps from few pictures'), 'learning_rate': (0.05, '')}
# Of units that are searched by factors in such a network (likewise).
_BY_FACTORS = {'search_end': (0.2, 'trained weights are searched soon, so that the last zeros come after it')}
_OF_FACTORS = ('factor_step', 'penalty', 'penalty_ramp', 'search_end', 'search_interval', 'dead_below', 'minimum_saving')
_OF_MAPS = 0.02  # Learning rate of a fine-tuning whose head gives maps.
_SLOWER = 3  # How much smaller the learning rate of a fine-tuning is, of a task that brings an optimizer of its own.
_OF_ADAPTIVE = 0.001  # Learning rate where somebody asks for an adaptive optimizer and not for its rate.
_STEPS, _SCRATCH_STEPS = 2000, 4000  # Training steps that suffice.
_FEWEST_EPOCHS, _MOST_EPOCHS = 10, 200


def is_said(name: str, request: Request, task: Task) -> bool:
  """Whether somebody has said what a setting is: the user, a file, a recipe, or the task."""
  return any(name in settings for settings in (request.given, request.base, task.settings))


def fine_tuning(task: Task, request: Request, batch_size: int | None = None) -> Reasoned:
  """Settings that suit a trained network; a task that brings an optimizer keeps it, at a smaller learning rate.

  Args:
    task: what to train on.
    request: what is wanted.
    batch_size: that is given; None = none is.
  """
  config, own = request.resolved(task.settings), dict(_FINE_TUNING)
  search = config.search
  asked = is_said('unit_search', request, task) or (search.penalty > 0 and not search.has_target and is_said('penalty', request, task))
  if asked and search.unit_search == 'factors':
    del own['unit_search'], own['unit_multiple']
    own |= _BY_FACTORS
  if task.head.kind != 'classification':
    own['learning_rate'] = (_OF_MAPS, 'a new head for maps, on trained layers')
  own = _completed(own, task, config, batch_size, _STEPS)
  if _brings_optimizer(task, config):
    usual = task.settings.get('learning_rate', Config().training.learning_rate)
    own['learning_rate'] = (usual / _SLOWER, 'a fine-tuning moves weights little')
  return own


def from_scratch(task: Task, request: Request, batch_size: int | None = None) -> Reasoned:
  """Settings that suit photographs and random weights; none where the defaults give them steps enough.

  Args:
    task: what to train on.
    request: what is wanted.
    batch_size: that is given; None = none is.
  """
  default = Config()
  if default.epochs * task.steps_per_epoch(min(batch_size or default.batch_size, task.sizes['train'])) >= _SCRATCH_STEPS:
    return {}
  return _completed(dict(_FROM_SCRATCH), task, request.resolved(task.settings), batch_size, _SCRATCH_STEPS)


def _completed(own: Reasoned, task: Task, config: Config, batch_size: int | None, steps: int) -> Reasoned:
  """The settings with the learning rate of optimizer and batch, and with epochs; those that the task brings are its own.

  Args:
    own: settings.
    task: what to train on.
    config: what is given.
    batch_size: likewise; None = none is.
    steps: of training that suffice.
  """
  batch, (rate, why) = batch_size or task.settings.get('batch_size') or own['batch_size'][0], own['learning_rate']
  own |= {'epochs': _epochs(task, batch, steps)}
  optimizer = config.training.optimizer
  if _brings_optimizer(task, config):
    del own['learning_rate']
  elif optimizer != Config().training.optimizer:
    own['learning_rate'] = (_OF_ADAPTIVE, f'usual for {optimizer}, not measured here')
  elif batch < _BATCH:
    own['learning_rate'] = (rate * batch / _BATCH, f'{rate:g} is for batches of {_BATCH}')
  else:
    own['learning_rate'] = (rate, why or f'for batches of {_BATCH}{" and more" if batch > _BATCH else ""}')
  return {name: reasoned for name, reasoned in own.items() if name not in task.settings}


def _brings_optimizer(task: Task, config: Config) -> bool:
  return task.settings.get('optimizer') == config.training.optimizer


def fitting(
  task: Task, arch: Architecture, request: Request, jobs: int, choose: Callable[[int | None], Reasoned]
) -> dict[str, tuple[Any, str]]:
  """Settings that suit, with a batch that fits into the machine's memory, the learning rate and the epochs of that batch.

  Args:
    task: what to train on.
    arch: the network.
    request: what is wanted.
    jobs: trainings at a time.
    choose: the settings that suit a batch; None = none is given.

  Raises:
    ConfigError: the batch that is given does not fit, or no batch does.
  """
  given, pictures = request.given.get('batch_size') or request.base.get('batch_size'), task.sizes['train']
  own = dict(choose(given))
  usual = own['batch_size'][0] if 'batch_size' in own else task.settings.get('batch_size', Config().batch_size)
  if not given and usual > pictures:
    usual = 2 ** (pictures.bit_length() - 1)
    own = dict(choose(usual)) | {'batch_size': (usual, f'there are {pictures:,} pictures')}
  config = request.resolved({**task.settings, **{name: value for name, (value, _) in own.items()}})
  network, batch = (arch, task.head, (*task.image_size, 3)), config.batch_size
  workers = replicas.place(config).count
  share = math.ceil(batch / workers)
  found = memory.largest_batch(*network, share, jobs, comfortable=not given)
  fits = batch if found == share else found * workers
  if fits == batch or replicas.has_gpu() or isinstance(task, StandIn):  # Of a plan without data no step is taken.
    return own
  pixels, here = 'x'.join(map(str, task.image_size)), f'{memory.machine() / 1e9:.1f} GB'
  here = f'{here} that {jobs} trainings share' if jobs > 1 else f'{here} that are here'
  takes = f'{memory.of_step(*network, share) / 1e9:.1f} GB of the {here}'
  if given or not fits:
    smaller = f'--batch_size={fits}, or a smaller --image_size' if fits else 'a smaller --image_size, or a smaller --supernet'
    raise ConfigError(
      f'A training step fits into memory. Received: --batch_size={batch} of {pixels} pixels, which takes about {takes}. Take {smaller}.'
    )
  own = dict(choose(fits)) | {'batch_size': (fits, f'{batch} of {pixels} pixels would take about {takes}')}
  if config.training.optimizer == 'sgd':
    rate = config.training.learning_rate
    own['learning_rate'] = (rate * fits / batch, f'{rate:g} is for batches of {batch}')
  return own


def _epochs(task: Task, batch_size: int, steps: int) -> tuple[int, str]:
  pictures = task.sizes['train']
  each = max(pictures // batch_size, 1)
  epochs = min(max(math.ceil(steps / each), _FEWEST_EPOCHS), _MOST_EPOCHS)
  return epochs, f'{epochs * each:,} steps with {pictures:,} pictures'


def told(request: Request, task: Task, own: Reasoned, further: Mapping[str, Any], *notes: str) -> Config:
  """The settings with those that suit; of these it says the ones that nobody has given, and why they suit."""
  config = request.resolved({**task.settings, **{name: value for name, (value, _) in own.items()}, **further})
  reasons = {name: why for name, (_, why) in own.items() if name not in request.given and name not in request.base}
  method, search = methods.named(config.method), config.search
  if 'unit_multiple' in method.reads and search.unit_multiple > 1 and search.unit_search != 'scores':
    if 'unit_multiple' in request.given:
      ways = '--unit_multiple=1, or a network by name or by file and --unit_search=scores'
      raise ConfigError(
        '--unit_multiple goes with units that are searched by scores. Received:'
        f' --unit_multiple={search.unit_multiple} and a search by factors. Write {ways}.'
      )
  unread = {*SEARCH_SETTINGS, *PRUNING_SETTINGS} - set(method.reads) | ({'sparsity'} if method.keeps_everything else set())
  unread |= {'target_macs'} if search.target_latency_ms else set()
  unread |= set() if search.removes_first else {'unit_search', 'unit_multiple'}
  idle = [name for name in _OF_FACTORS if name in request.given and name in method.reads] if search.removes_first else []
  if idle:
    notes = (*notes, f'{", ".join(idle)}: of a search by factors, which units that go by scores before the first step do not need')
  kept = {name: why for name, why in reasons.items() if name not in unread}
  values = config.flat()
  lines = [f'{name} {_shown(values[name])}: {why}' for name, why in kept.items()]
  print(''.join(f'{line}\n' for line in (*filter(None, notes), *lines)), end='', flush=True)
  return config


def _shown(value: Any) -> str:
  if isinstance(value, tuple):
    return ', '.join(map(_shown, value))
  return f'{value:g}' if isinstance(value, float) else str(value)

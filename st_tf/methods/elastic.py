"""A ticket of another depth of its family, trained on under its stretched or squeezed mask (Chen et al., NeurIPS 2021)."""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
import functools
import os

import numpy as np

from st_tf import wording
from st_tf.arch import presets
from st_tf.arch.graph import Architecture
from st_tf.arch.repeats import Repeats
from st_tf.arch.resizing import Resizing
from st_tf.arch.specs import HeadSpec
from st_tf.config import Config, ConfigError, PruningConfig
from st_tf.config.named_files import TICKET, check_source, ticket_in
from st_tf.methods._method import Method, Training
from st_tf.models import starts
from st_tf.runs.run import Run, train_to_the_end
from st_tf.runs.start import prunable_weights
from st_tf.runs.teaching import teacher
from st_tf.runs.workdir import Workdir
from st_tf.task import Task
from st_tf.ticket import Early, Ticket, moving
from st_tf.ticket.stretching import Stretched, resizing, stretched
from st_tf.training.descent import Part
from st_tf.training.meter import STEP_PASSES
from st_tf.training.plan import Plan, training_alone
from st_tf.training.scope import EVERYTHING, Scope
from st_tf.training.trainer import Trainer

_FLAG = '--stretched_weights=first'


def plan(config: Config, steps_per_epoch: int) -> Plan:
  """What happens when: training alone under the ticket's mask, from the step of the weights that it begins with.

  Raises:
    ConfigError: no ticket is given, it is of another sparsity, or no training is left.
    SpecError: it cannot have the depth.
    TicketError: no ticket is there.
  """
  ticket = _source(config).ticket
  if tuple(config.pruning.sparsity) != (ticket.sparsity,):
    raise ConfigError(
      f'A ticket keeps its sparsity. Received: {", ".join(f"{level:g}" for level in config.pruning.sparsity)}, and --source of'
      f' {ticket.sparsity:g}. Leave out --sparsity, or write that one.'
    )
  training, step = training_alone(config, steps_per_epoch), _first_step(config, ticket)
  if step >= training.total_steps:
    raise ConfigError(
      f'Training goes on from the step of the early weights. Received: step {step} of {training.total_steps}. Raise --epochs, or begin at'
      ' step 0 by --stretched_weights=first.'
    )
  return training.holding(ticket.sparsity) if ticket.masks else training


def network(config: Config, ticket: Ticket) -> Architecture:
  """The ticket's network at the depth that the settings say.

  Raises:
    UserError: it cannot have it.
  """
  return _resizing(config, ticket).of(ticket.arch)


def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """The ticket at its new depth; it keeps the weights that it began with, so that it can be stretched again.

  Raises:
    UserError: as `plan` and `tells`.
  """
  planned, source = plan(config, task.steps_per_epoch(config.batch_size)), _source(config)
  ticket, found = source.ticket, _stretched(task, config, source)
  step = _first_step(config, ticket)
  print('\n'.join(_lines(config, source)), flush=True)
  pruned = {name: np.where(found.masks[name], value, 0) if name in found.masks else value for name, value in found.values.items()}
  run = Run(_trainer(task, config, planned, ticket, found), planned, workdir, lambda trainer: trainer.give(pruned, step))
  train_to_the_end(run)
  drawn = run.save_ticket(ticket.sparsity)
  if _weights(config, ticket) != 'trained':
    drawn = dataclasses.replace(drawn, early=Early(found.values, step))
    drawn.save(workdir.ticket_path(ticket.sparsity))
  return drawn


def trainer(task: Task, config: Config, plan: Plan) -> Trainer:
  """The network at its new depth under its mask, as yet without its weights."""
  source = _source(config)
  return _trainer(task, config, plan, source.ticket, _stretched(task, config, source))


def trainings(config: Config) -> tuple[Training, ...]:
  """The one that is left; without a ticket as if from the start."""
  done = 0.0
  if config.elastic.source:
    ticket = _source(config).ticket
    done = _first_step(config, ticket) / max(ticket.provenance.examples.get('train', 0) // config.batch_size, 1)
  return (Training('', max(config.epochs - done, 0.0)),)


def before(config: Config, whole: int) -> float:
  """What the ticket has cost already, all trainings of its run included, in epochs of a network of `whole` MACs."""
  if not config.elastic.source:
    return 0.0
  origin = _source(config).ticket.provenance
  spent, pictures = origin.all_training, origin.examples.get('train', 0)
  return spent.macs / (STEP_PASSES * whole * pictures) if spent.macs and pictures else spent.epochs


def tells(task: Task, config: Config) -> Iterator[str]:
  """What becomes of the ticket, line by line.

  Raises:
    UserError: it does not suit the task, or cannot have the depth.
  """
  source = _source(config)
  _stretched(task, config, source)
  yield from _lines(config, source)


def _lines(config: Config, source: '_Source') -> Iterator[str]:
  ticket, found = source.ticket, source.resizing
  cost = ticket.provenance.all_training
  counts = tuple(len(each.sources) for each in found.maps)
  said, method = _described(found.repeats, found.repeats.counts), ticket.provenance.method or 'unknown'
  yield f'  source      {said}, {wording.sparsity(ticket.sparsity)} of {method}'
  yield f'  cost        of the source {cost.epochs:g} epochs, {cost.macs:.3g} MACs; they count as its own'
  kept = sum(int(mask.sum()) * len(found.copies(name)) for name, mask in ticket.masks.items())
  prunable = sum(mask.size * len(found.copies(name)) for name, mask in ticket.masks.items())
  zeros = round(1 - kept / prunable, 3) if prunable else 0.0
  yield f'  becomes     {_described(found.repeats, counts)}, {wording.sparsity(zeros)} of its prunable weights zero'
  maps = dict.fromkeys(f'{run.name} {each}' for run, each in zip(found.repeats.runs, found.maps))
  yield f'  blocks      {" | ".join(maps)}'
  if config.elastic.shuffle_replicas:
    yield '  control     masks of all copies but the first are shuffled'
  chosen, step = _weights(config, ticket), _first_step(config, ticket)
  meant = {
    'early': f'the early ones of the source, from step {step} on{_converted(config, ticket)}',
    'first': 'those that the run of the source began with, from step 0 on',
    'trained': "the source's own, from step 0 on" + ('' if config.elastic.stretched_weights else ', since it has no early ones'),
  }
  yield f'  weights     {meant[chosen]}'


def _described(repeats: Repeats, counts: Sequence[int]) -> str:
  depth = repeats.depth_of(counts)
  return f'{repeats.naming.kind}{f" {depth}" if depth else ""} ({", ".join(map(str, counts))} blocks)'


@dataclasses.dataclass(frozen=True)
class _Source:
  """The ticket that is stretched or squeezed, and what becomes of its blocks."""

  ticket: Ticket
  resizing: Resizing


def _source(config: Config) -> _Source:
  """Read and resized once for all that a run, a plan or a comparison asks of it."""
  elastic = config.elastic
  check_source(elastic.source, max(config.pruning.sparsity), elastic.says_target or bool(config.supernet))
  folder = ticket_in(elastic.source, max(config.pruning.sparsity))
  facts = os.stat(os.path.join(os.path.expanduser(folder), TICKET))
  return _opened(dataclasses.replace(config, seed=0), folder, (facts.st_ino, facts.st_mtime_ns))


@functools.lru_cache(maxsize=2)
def _opened(config: Config, folder: str, stamp: tuple[int, int]) -> _Source:
  del stamp  # Of the ticket that lies in the folder now.
  ticket = Ticket.load(folder)
  return _Source(ticket, _resizing(config, ticket))


def _check_task(task: Task, ticket: Ticket) -> None:
  """Raises ConfigError where a task is not of the ticket's kind."""
  head, size = ticket.head, tuple(ticket.input_shape[:2])
  if head != task.head or size != tuple(task.image_size):
    here, there = _shown(task.head, task.image_size), _shown(head, size)
    raise ConfigError(
      f'A ticket is stretched on a task with its outputs and its size of images. Received: {here}, and a ticket of {there}. Move it first,'
      ' by python -m st_tf.transfer, or draw one here.'
    )


def _shown(head: HeadSpec, size: Sequence[int]) -> str:
  return f'{head.outputs} outputs of {head.kind} at {"x".join(map(str, size))}'


def _resizing(config: Config, ticket: Ticket) -> Resizing:
  elastic = config.elastic
  target = _named(config, ticket) if config.supernet else None
  found = resizing(ticket.supernet, elastic.target_depth, elastic.block_map, elastic.block_order, target)
  copied = any(any(each.replicas) for each in found.maps)
  if elastic.shuffle_replicas and not (copied and ticket.masks):
    why = 'no block is copied' if ticket.masks else 'a ticket without a mask'
    raise ConfigError(f'Masks of copied blocks are shuffled. Received: --shuffle_replicas, and {why}. Leave it out.')
  return found


def _named(config: Config, ticket: Ticket) -> Architecture:
  """The network that `--supernet` names, under the ticket's head."""
  if presets.is_graph(config.supernet):
    return starts.of(config, ticket.head, tuple(ticket.input_shape[:2])).graph
  return presets.supernet(config.supernet)


def _weights(config: Config, ticket: Ticket) -> str:
  chosen = config.elastic.stretched_weights or ('early' if ticket.early else 'trained')
  if chosen == 'early' and ticket.early is None:
    raise ConfigError(
      f'Tickets of lottery have early weights. Received: --stretched_weights=early, and a ticket of {ticket.provenance.method or "unknown"}'
      ' without. Write first or trained.'
    )
  if chosen == 'trained' and config.elastic.shuffle_replicas:
    raise ConfigError(
      'Masks are shuffled over weights that are there. Received: --shuffle_replicas with the trained weights of the source, of which pruned'
      ' ones are zero. Write --stretched_weights=first, or take a ticket of lottery.'
    )
  return chosen


def _first_step(config: Config, ticket: Ticket) -> int:
  """The step before which a training has seen as many pictures as the weights that it begins with, to the nearest."""
  if _weights(config, ticket) != 'early':
    return 0
  return (2 * ticket.early.step * _batch(ticket) + config.batch_size) // (2 * config.batch_size)


def _batch(ticket: Ticket) -> int:
  return moving.begun(ticket)['batch_size']


def _converted(config: Config, ticket: Ticket) -> str:
  batch = _batch(ticket)
  return '' if ticket.early is None or batch == config.batch_size else f', as many pictures as {ticket.early.step} steps of {batch}'


def _values(config: Config, ticket: Ticket) -> Mapping[str, np.ndarray]:
  chosen = _weights(config, ticket)
  if chosen == 'first':
    return moving.first_values(ticket, _FLAG)
  return ticket.early.values if chosen == 'early' else ticket.weights


def _stretched(task: Task, config: Config, source: _Source) -> Stretched:
  _check_task(task, source.ticket)
  seed = config.seed if config.elastic.shuffle_replicas else None
  return stretched(source.ticket, source.resizing, _values(config, source.ticket), seed)


def _trainer(task: Task, config: Config, plan: Plan, ticket: Ticket, found: Stretched) -> Trainer:
  scope = Scope(prunable=frozenset(found.masks)) if found.masks else EVERYTHING
  made = Trainer(found.arch, task, config, plan.pruning, scope=scope, teacher=teacher(task, config))
  prunable = sum(mask.size for mask in found.masks.values())
  if found.arch != found.supernet and found.masks:
    pruning = PruningConfig(**moving.pruned_layers(ticket, task.head))
    shape = (*task.image_size, 3)
    prunable = prunable_weights(found.supernet, task.head, shape, lambda layer: EVERYTHING.stays_dense(layer, pruning))
  made.descend(Part(ticket, found.masks, ticket.sparsity, found.supernet, found.survivors, prunable))
  return made


METHOD = Method(
  plan=plan,
  draw=draw,
  reads=('source', 'target_depth', 'block_map', 'block_order', 'shuffle_replicas', 'stretched_weights'),
  trainings=trainings,
  trainer=trainer,
  tells=tells,
  before=before,
)

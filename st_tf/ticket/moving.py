"""A ticket's body under another task's head (SuperTickets, ECCV 2022, section 4), as pure functions.

The body is all that lies before the head; between two heads of the same kind also the head, save for its last layer.
"""

from collections.abc import Mapping
import dataclasses

import numpy as np
import tf_keras as keras

from st_tf.arch.graph import Architecture, Graph
from st_tf.arch.specs import ArchSpec, HeadSpec
from st_tf.config import ConfigError
from st_tf.models import build, named_variables
from st_tf.models.high_resolution import CLASSIFIER, HEAD, SKIP, STEM
from st_tf.search import importance, shrink
from st_tf.ticket import Ticket


def is_body(name: str, before: HeadSpec, after: HeadSpec) -> bool:
  """Whether a layer, a block or a variable called `name` stays when the head `before` is replaced by `after`."""
  return not name.startswith(f'{CLASSIFIER}/' if before.kind == after.kind else HEAD)


def moved(arch: Architecture, before: HeadSpec, after: HeadSpec, ends: ArchSpec, input_stride: int = 0) -> ArchSpec:
  """The network whose body is that of `arch`, for the head `after`.

  Args:
    arch: a network, searched or not.
    before: its head.
    after: the other task's head.
    ends: where the widths of a new kind of head come from, the last of them for further branches: the other task's supernet.
    input_stride: how much the stem shrinks the image from now on; 0 = as before.

  Raises:
    ConfigError: the network is none of the high-resolution family.
  """
  if isinstance(arch, Graph):
    raise ConfigError(
      'A ticket of a preset moves to another task. Received: one of a network by name or file. Draw one for the task itself.'
    )
  changes = {'input_stride': input_stride or arch.input_stride}
  if before.kind != after.kind:
    changes['last_channel'] = ends.last_channel
    branches = len(arch.stages[-1].channels)
    changes['head_channels'] = (ends.head_channels + ends.head_channels[-1:] * branches)[:branches]
    changes['searched'] = tuple((name, spec) for name, spec in arch.searched if is_body(name, before, after))
  return dataclasses.replace(arch, **changes)


def pruned_layers(ticket: Ticket, after: HeadSpec) -> dict[str, bool]:
  """Which layers of what stays under the head `after` a ticket has pruned, as settings; by its masks, since it may have moved before."""
  names = [name.rpartition('/') for name in ticket.masks if is_body(name, ticket.head, after)]
  layers = [layer for layer, _, variable in names if variable == 'kernel']  # Depthwise ones are one setting wherever they lie.
  return {
    'prune_depthwise': len(layers) < len(names),
    'prune_stem': any(layer.startswith(f'{STEM}/') for layer in layers),
    'prune_classifier': False,
    'prune_head': any(layer.startswith(HEAD) for layer in layers),
    'prune_skip': any(layer.endswith(SKIP) for layer in layers),
  }


def check_rewind(ticket: Ticket) -> None:
  """Refuses a ticket whose first weights cannot be drawn again.

  Raises:
    ConfigError: its run did not begin with weights drawn from its seed.
  """
  if source := ticket.provenance.config.get('init_from'):
    raise ConfigError(
      'Weights go back to those that a run drew from its seed. Received: --rewind and a ticket whose run began with the weights of'
      f' {source}. Leave out --rewind, or move the ticket that this one comes from.'
    )


def first_values(ticket: Ticket) -> dict[str, np.ndarray]:
  """What the variables of a ticket were before its run had trained them: of the initial supernet, what is left.

  Raises:
    ConfigError: as `check_rewind`.
  """
  check_rewind(ticket)
  config = ticket.provenance.config
  model = build(ticket.supernet, ticket.head, ticket.input_shape, seed=config['seed'], deviation=config.get('initial_deviation', 0.0))
  return left_of({name: variable.numpy() for name, variable in named_variables(model).items()}, ticket, model)


def left_of(values: Mapping[str, np.ndarray], ticket: Ticket, whole: keras.Model) -> dict[str, np.ndarray]:
  """What the ticket's network has of the values of its whole supernet's variables.

  Args:
    values: by variable name.
    ticket: whose network it is.
    whole: its supernet, built.
  """
  alive = {}
  for group in importance.groups_of(whole, ticket.supernet, ticket.head):
    every = np.arange(group.units)
    alive[group.name] = np.isin(every, ticket.survivors.get(group.name, every))
  kept = shrink.slices(whole, ticket.supernet, ticket.head, alive)
  return shrink.take(values, kept, {name: value.shape for name, value in ticket.weights.items()})


def shuffled(masks: Mapping[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
  """Random masks that keep as many weights of each layer."""
  rng = np.random.default_rng(seed)
  return {name: rng.permutation(mask.reshape(-1)).reshape(mask.shape) for name, mask in sorted(masks.items())}

"""A ticket's body under another task's head (SuperTickets, ECCV 2022, section 4), as pure functions.

The body is all that lies before the head; between two heads of the same kind also the head, save for its last layer.
"""

from collections.abc import Mapping
import dataclasses
from typing import Any

import numpy as np
import tf_keras as keras

from st_tf.arch.graph import Graph
from st_tf.arch.specs import ArchSpec, HeadSpec
from st_tf.config import Config, ConfigError
from st_tf.config.config import leaves
from st_tf.models import build, named_variables, starts
from st_tf.models.graph import build_graph, graph_of
from st_tf.models.high_resolution import CLASSIFIER, HEAD, SKIP, STEM
from st_tf.search import importance, shrink
from st_tf.search.analysis import analyse
from st_tf.ticket import Ticket


def is_body(name: str, before: HeadSpec, after: HeadSpec) -> bool:
  """Whether a layer, a block or a variable called `name` stays when the head `before` is replaced by `after`."""
  return not name.startswith(f'{CLASSIFIER}/' if before.kind == after.kind else HEAD)


def moved(arch: ArchSpec, before: HeadSpec, after: HeadSpec, ends: ArchSpec, input_stride: int = 0) -> ArchSpec:
  """The network whose body is that of `arch`, for the head `after`.

  Args:
    arch: a network, searched or not.
    before: its head.
    after: the other task's head.
    ends: where the widths of a new kind of head come from, the last of them for further branches: the other task's supernet.
    input_stride: how much the stem shrinks the image from now on; 0 = as before.
  """
  changes = {'input_stride': input_stride or arch.input_stride}
  if before.kind != after.kind:
    changes['last_channel'] = ends.last_channel
    branches = len(arch.stages[-1].channels)
    changes['head_channels'] = (ends.head_channels + ends.head_channels[-1:] * branches)[:branches]
    changes['searched'] = tuple((name, spec) for name, spec in arch.searched if is_body(name, before, after))
  return dataclasses.replace(arch, **changes)


def moved_graph(graph: Graph, before: HeadSpec, after: HeadSpec, image_size: tuple[int, int]) -> Graph:
  """A trained network with as many outputs as another task has labels, for its images.

  Args:
    graph: the network.
    before: its head.
    after: the other task's head.
    image_size: (height, width) of its images, in pixels.

  Raises:
    ConfigError: the network cannot end as the task wants it, or take its images.
  """
  if before == after and graph[graph.inputs[0]].shape[:2] == tuple(image_size):
    return graph
  if before != after and {before.kind, after.kind} != {'classification'}:
    raise ConfigError(
      f'A ticket of a trained network moves between tasks with classes. Received: one of {before.kind}, and a task of {after.kind}.'
      ' Draw a ticket on the task itself.'
    )
  outputs = {} if before == after else {'units': after.outputs}
  nodes = tuple(dataclasses.replace(node, config={**node.config, **outputs}) if node.layer == CLASSIFIER else node for node in graph.nodes)
  found = graph_of(build_graph(Graph(nodes, graph.outputs), (*image_size, 3)))
  shapes = {node.layer: node.weights for node in graph.nodes}
  for node in found.nodes:
    if node.layer != CLASSIFIER and node.weights != shapes[node.layer]:
      raise ConfigError(
        'The weights of a ticket fit the images of its task. Received: pictures of'
        f' {image_size[0]}x{image_size[1]} pixels, for which {node.layer} has others. Give the size of its own, by --image_size.'
      )
  return found


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


def check_rewind(ticket: Ticket, flag: str = '--rewind') -> None:
  """Refuses a ticket whose first weights cannot be drawn again.

  Args:
    ticket: which.
    flag: that asks for them.

  Raises:
    ConfigError: its run did not begin with weights drawn from its seed.
  """
  config = ticket.provenance.config
  if source := config.get('init_from') or (config.get('source') if ticket.provenance.method == 'elastic' else ''):
    raise ConfigError(
      f'Weights go back to those that a run drew from its seed. Received: {flag} and a ticket whose run began with the weights of'
      f' {source}. Leave out {flag}, or take the ticket that this one comes from.'
    )


def begun(ticket: Ticket) -> dict[str, Any]:
  """The settings of the ticket's run, by flag; those that it does not name are at their defaults.

  Raises:
    ConfigError: one has a value that no run can have.
  """
  known = {field.name for field in leaves()}
  return Config.from_flat({name: value for name, value in ticket.provenance.config.items() if name in known}).flat()


def first_values(ticket: Ticket, flag: str = '--rewind') -> dict[str, np.ndarray]:
  """What the variables of a ticket were before its run had trained them: of the initial supernet, what is left.

  Args:
    ticket: which.
    flag: that asks for them.

  Raises:
    ConfigError: as `check_rewind`; or the trained network that the run began with is another one now.
    SpecError: it is gone.
  """
  check_rewind(ticket, flag)
  config = begun(ticket)
  model = build(ticket.supernet, ticket.head, ticket.input_shape, seed=config['seed'], deviation=config['initial_deviation'])
  values = {name: variable.numpy() for name, variable in named_variables(model).items()}
  if isinstance(ticket.supernet, Graph):
    values |= _trained_values(ticket, flag)
  return left_of(values, ticket, model)


def _trained_values(ticket: Ticket, flag: str) -> Mapping[str, np.ndarray]:
  """What the trained network of the ticket's run began with."""
  config = begun(ticket)
  names = (config['supernet'], config['weights'], config['pixels'])
  first = starts.start(*names, ticket.head, ticket.input_shape[:2], config['padding'])
  if first.graph != ticket.supernet:
    raise ConfigError(
      f'Weights go back to those that the run began with. Received: {flag}, and another network in {config["supernet"]} than the'
      f' ticket was drawn from. Put it back, or leave out {flag}.'
    )
  return first.values


def left_of(values: Mapping[str, np.ndarray], ticket: Ticket, whole: keras.Model) -> dict[str, np.ndarray]:
  """What the ticket's network has of the values of its whole supernet's variables; what is of its size already stays.

  Args:
    values: by variable name.
    ticket: whose network it is.
    whole: its supernet, built.
  """
  shapes = {name: value.shape for name, value in ticket.weights.items()}
  kept = shrink.slices(whole, ticket.supernet, ticket.head, _alive(ticket, whole))
  larger = {name: cuts for name, cuts in kept.items() if name in values and values[name].shape != shapes.get(name)}
  return shrink.take(values, larger, shapes)


def _alive(ticket: Ticket, whole: keras.Model) -> dict[str, np.ndarray]:
  """Which units of its supernet a ticket still has, by the name of their group."""
  found = analyse(ticket.supernet).groups if isinstance(ticket.supernet, Graph) else None
  alive = {}
  for group in found or importance.groups_of(whole, ticket.supernet, ticket.head):
    every = np.arange(group.units)
    alive[group.name] = np.isin(every, ticket.survivors.get(group.name, every))
  return alive


def shuffled(masks: Mapping[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
  """Random masks that keep as many weights of each layer."""
  rng = np.random.default_rng(seed)
  return {name: rng.permutation(mask.reshape(-1)).reshape(mask.shape) for name, mask in sorted(masks.items())}

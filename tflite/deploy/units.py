"""Removes units that change nothing, and carries on the constants that they leave behind."""

import numpy as np
import tensorflow as tf

from st_tf.models.activations import ACTIVATIONS
from tflite.deploy.fold import shifted
from tflite.deploy.graph import Graph, Node, until_done


def remove_units(graph: Graph) -> Graph:
  """The same function without the units that nobody reads or that always say the same.

  A unit is a channel that a convolution makes and that goes, through activations and depthwise convolutions, to one other
  convolution or dense layer. Where all units of a summand go, the summand goes too. One whose constant meets the border of
  a padded depthwise convolution is not constant there, and stays.
  """
  return until_done(_step, graph)


def _step(graph: Graph) -> Graph | None:
  for node in graph.nodes:
    chain = _chain(graph, node) if node.op == 'conv' else []
    if not chain:
      continue
    constants = _constants(chain)
    dead = ~np.isnan(constants) | ~_rows(chain[-1]).any(-1)
    if dead.all() and not _is_summand(graph, chain[-1]):
      dead[np.argmax(np.abs(_rows(chain[-1])).sum(-1))] = False  # A layer without inputs does not exist.
    if dead.any():
      return _without(graph, chain, dead, np.nan_to_num(constants))
  return None


def _chain(graph: Graph, node: Node) -> list[Node]:
  """The maker of some units, what they go through, and their reader; nothing where they take another way."""
  chain = [node]
  while (reader := graph.sole_reader(chain[-1].name)) is not None:
    chain.append(reader)
    if reader.op == 'dense' or (reader.is_pointwise and not reader['pad']):
      return chain
    if reader.op not in ('act', 'depthwise', 'mean'):
      break
  return []


def _constants(chain: list[Node]) -> np.ndarray:
  """What each unit always says to its reader; NaN for those whose answer depends on the image."""
  maker = chain[0]
  silent = ~maker['kernel'].any((0, 1, 2))
  values = np.where(silent, maker['bias'], np.nan)
  for node in chain[1:-1]:
    if node.op == 'act':
      values = np.asarray(ACTIVATIONS[node['kind']](tf.constant(values, tf.float64)))
      values = np.where(silent, values, np.nan)
    elif node.op == 'depthwise':
      silent = (values == 0) | ~node['kernel'].any((0, 1))
      values = np.where(silent, node['bias'], np.nan)
  return values


def _rows(reader: Node) -> np.ndarray:
  """The reader's kernel as [in, out]."""
  return reader['kernel'].reshape(reader['kernel'].shape[-2:])


def _is_summand(graph: Graph, node: Node) -> bool:
  reader = graph.sole_reader(node.name)
  return reader is not None and reader.op == 'add' and len(reader.inputs) > 1


def _without(graph: Graph, chain: list[Node], dead: np.ndarray, constants: np.ndarray) -> Graph:
  reader = chain[-1]
  left = constants * dead
  bias = reader['bias'] + left @ _rows(reader)
  if dead.all():
    return _without_summand(graph, reader, bias)
  kept = np.flatnonzero(~dead)
  changes = {reader.name: (reader.having(kernel=np.take(reader['kernel'], kept, -2), bias=bias),)}
  for node in chain[:-1]:
    shape = (*node.shape[:-1], len(kept))
    arrays = {name: np.take(value, kept, -1) for name, value in node.arrays.items()}
    changes[node.name] = (node.having(shape=shape, **arrays),)
  return graph.replaced(changes)


def _without_summand(graph: Graph, node: Node, constant: np.ndarray) -> Graph:
  total = graph.sole_reader(node.name)
  rest = tuple(name for name in total.inputs if name != node.name)
  if len(rest) > 1:
    smaller = graph.replaced({total.name: (total.having(inputs=rest),)})
    return shifted(smaller, total.name, constant) if constant.any() else smaller
  if not constant.any():
    return graph.replaced({total.name: ()}, {total.name: rest[0]})
  arrays = {'scale': np.ones_like(constant), 'shift': constant}
  return graph.replaced({total.name: (Node(total.name, 'affine', rest, total.shape, arrays=arrays),)})

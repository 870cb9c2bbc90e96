"""A network as a list of simple operations on channels, which passes rewrite exactly.

An operation's arrays are NumPy arrays; all paddings are symmetric and explicit.
"""

from collections.abc import Callable, Iterable, Mapping
import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Node:
  """One operation.

  Attributes:
    name: unique in its graph.
    op: what it does; the attributes and arrays it has are
      'image'; 'conv' (stride, pad; kernel [h, w, in, out], bias [out]); 'depthwise' (stride, pad; kernel [h, w, channels], bias
      [channels]); 'affine' (scale, shift [channels]); 'add'; 'concat'; 'act' (kind); 'resize' (height, width, method);
      'mean'; 'depth_to_space' (blocks of 2 x 2); 'dense' (kernel [in, out], bias [out]).
    inputs: names of what it reads.
    shape: of its output without the batch: (height, width, channels), or (channels,).
    attributes: settings by name.
    arrays: constants by name.
  """

  name: str
  op: str
  inputs: tuple[str, ...]
  shape: tuple[int, ...]
  attributes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  arrays: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

  def __getitem__(self, name: str) -> Any:
    """An attribute or array by its name."""
    return self.arrays[name] if name in self.arrays else self.attributes[name]

  def having(self, **changes: Any) -> 'Node':
    """This node with some fields, attributes or arrays replaced."""
    fields = {name: changes.pop(name) for name in ('name', 'op', 'inputs', 'shape') if name in changes}
    arrays = {name: value for name, value in changes.items() if isinstance(value, np.ndarray)}
    attributes = {name: value for name, value in changes.items() if name not in arrays}
    return dataclasses.replace(self, **fields, attributes={**self.attributes, **attributes}, arrays={**self.arrays, **arrays})

  @property
  def is_pointwise(self) -> bool:
    """Whether it is a 1x1 convolution of stride 1."""
    return self.op == 'conv' and self['kernel'].shape[:2] == (1, 1) and self['stride'] == 1


@dataclasses.dataclass(frozen=True)
class Graph:
  """Operations in an order in which each comes after what it reads.

  Attributes:
    nodes: the operations; the first is the image.
    output: name of the node whose output is the network's.
  """

  nodes: tuple[Node, ...]
  output: str

  def __getitem__(self, name: str) -> Node:
    """The node of that name."""
    return self.by_name[name]

  @property
  def by_name(self) -> dict[str, Node]:
    """The nodes by name."""
    return {node.name: node for node in self.nodes}

  def readers(self, name: str) -> list[Node]:
    """The nodes that read `name`."""
    return [node for node in self.nodes if name in node.inputs]

  def sole_reader(self, name: str) -> Node | None:
    """The only node that reads `name`, once; None where there are several or it is the output."""
    readers = self.readers(name)
    return readers[0] if len(readers) == 1 and readers[0].inputs.count(name) == 1 and name != self.output else None

  def replaced(self, changes: Mapping[str, Iterable[Node]], renamed: Mapping[str, str] | None = None) -> 'Graph':
    """This graph with nodes exchanged.

    Args:
      changes: {name: the nodes that stand in its place, in order; none to drop it}.
      renamed: {name: what its readers read instead}.
    """
    renamed = dict(renamed or {})

    def final(name: str) -> str:
      while name in renamed:
        name = renamed[name]
      return name

    nodes = []
    for node in self.nodes:
      for new in changes.get(node.name, (node,)):
        nodes.append(dataclasses.replace(new, inputs=tuple(final(name) for name in new.inputs)))
    return Graph(tuple(nodes), final(self.output)).pruned()

  def pruned(self) -> 'Graph':
    """Without the nodes that nothing reads."""
    needed = {self.output, self.nodes[0].name}
    for node in reversed(self.nodes):
      if node.name in needed:
        needed.update(node.inputs)
    return Graph(tuple(node for node in self.nodes if node.name in needed), self.output)


Pass = Callable[[Graph], Graph]


def until_done(step: Callable[[Graph], Graph | None], graph: Graph) -> Graph:
  """Applies `step` until it finds nothing more to do and returns None."""
  while (better := step(graph)) is not None:
    graph = better
  return graph

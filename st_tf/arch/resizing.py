"""A network whose runs of blocks have more of them, or fewer."""

from collections.abc import Mapping, Sequence
import dataclasses
import functools

from st_tf.arch.block_maps import BlockMap
from st_tf.arch.graph import Architecture, Graph, Node
from st_tf.arch.repeats import Key, Repeats, ends_of, key_of
from st_tf.arch.specs import ArchSpec, SpecError


@dataclasses.dataclass(frozen=True)
class Resizing:
  """A network's runs with other numbers of blocks.

  Attributes:
    repeats: of the network before.
    maps: of each run.
  """

  repeats: Repeats
  maps: tuple[BlockMap, ...]

  @functools.cached_property
  def places(self) -> dict[Key, tuple[tuple[Key, int], ...]]:
    """Of each block of the source, where its copies stand, each with how many copies of it stand before."""
    by_first = {run.blocks[0]: (run, found) for run, found in zip(self.repeats.runs, self.maps)}
    sequence: list[tuple[Key, int]] = []  # (source, copies of it before) of every block of the target.
    inside: set[Key] = set()
    for key in self.repeats.keys:
      if key in by_first:
        run, found = by_first[key]
        inside.update(run.blocks)
        sequence += [(run.blocks[source], replica) for source, replica in zip(found.sources, found.replicas)]
      elif key not in inside:
        sequence.append((key, 0))
    first = {name: number for name, number in reversed(self.repeats.keys)}
    counted: dict[str, int] = {}
    places: dict[Key, tuple[tuple[Key, int], ...]] = dict.fromkeys(self.repeats.keys, ())
    for (name, number), replica in sequence:
      place = first[name] + counted.setdefault(name, 0)
      counted[name] += 1
      places[name, number] = (*places[name, number], ((name, place), replica))
    return places

  def copies(self, name: str) -> tuple[tuple[str, int], ...]:
    """(name, copies before it) of everything in the target that a layer, a block or a variable of that name stands at."""
    key = key_of(self.repeats.naming, name)
    if key is None or key not in self.places:
      return ((name, 0),)
    return tuple((self._at(name, place), replica) for place, replica in self.places[key])

  def _at(self, name: str, place: Key) -> str:
    return self.repeats.naming.pattern.sub(lambda match: f'{match["before"]}{place[1]}', name, count=1)

  def of(self, arch: Architecture) -> Architecture:
    """The network with other numbers of blocks: the one whose runs these are, or what a search has left of it.

    A copied block is taken whole, with its own inner width.

    Raises:
      SpecError: its blocks do not follow each other one by one.
    """
    return self._spec(arch) if isinstance(arch, ArchSpec) else self._graph(arch)

  def _spec(self, arch: ArchSpec) -> ArchSpec:
    counts = {run.name: len(found.sources) for run, found in zip(self.repeats.runs, self.maps)}
    stages = tuple(
      dataclasses.replace(stage, blocks=tuple(counts.get(f'stage{index}/branch{branch}', 0) for branch in range(len(stage.blocks))))
      for index, stage in enumerate(arch.stages, 1)
    )
    searched = [(place, spec) for name, spec in arch.searched for place, _ in self.copies(name)]
    return dataclasses.replace(arch, stages=stages, searched=tuple(sorted(searched)))

  def _graph(self, graph: Graph) -> Graph:
    blocks: dict[Key, list[Node]] = {}
    of_node = {node.name: key_of(self.repeats.naming, node.name) for node in graph.nodes if node.inputs}
    for node in graph.nodes:
      if of_node.get(node.name) in self.places:
        blocks.setdefault(of_node[node.name], []).append(node)
    chains = {run.blocks[0]: (run.blocks, found) for run, found in zip(self.repeats.runs, self.maps)}
    inside = {key for keys, _ in chains.values() for key in keys}
    chains |= {key: ((key,), BlockMap((0,))) for key in self.repeats.keys if key not in inside}
    heads = {key: head for head, (keys, _) in chains.items() for key in keys}
    # What is read in the place of a node: at the end of a run its new end, within one nothing.
    instead: dict[str, str] = {name: '' if key in heads else name for name, key in of_node.items()}
    done: set[Key] = set()
    nodes: list[Node] = []
    for node in graph.nodes:
      head = heads.get(of_node.get(node.name))
      if head is None:
        nodes.append(dataclasses.replace(node, inputs=tuple(_read(name, instead) for name in node.inputs)))
      elif head not in done:
        done.add(head)
        keys, found = chains[head]
        nodes += self._chain([blocks.get(key, []) for key in keys], keys, found, instead)
    return Graph(tuple(nodes), tuple(_read(name, instead) for name in graph.outputs))

  def _chain(self, blocks: Sequence[Sequence[Node]], keys: Sequence[Key], found: BlockMap, instead: dict[str, str]) -> list[Node]:
    """The nodes of a run in the target."""
    ends = ends_of(blocks)
    (_, offset), _ = self.places[keys[found.sources[0]]][0]
    entry = _read(ends[0], instead)
    nodes: list[Node] = []
    for index, source in enumerate(found.sources):
      place, names = (keys[0][0], offset + index), {node.name for node in blocks[source]}
      for node in blocks[source]:
        inputs = tuple(self._at(name, place) if name in names else entry for name in node.inputs)
        nodes.append(dataclasses.replace(node, name=self._at(node.name, place), inputs=inputs))
      if names:
        entry = self._at(ends[source + 1], place)
    instead[ends[-1]] = entry
    return nodes


def _read(name: str, instead: Mapping[str, str]) -> str:
  found = instead.get(name, name)
  if not found:
    raise SpecError(f'Only the last block of a run is read from elsewhere. Received: {name}, which is. The depth of the network stays.')
  return found

"""Runs of blocks of one shape, of which a network may have more or fewer: where they are.

A block is known by the names of its layers. Where it makes the shape of those that follow, it is block 0 of its run, and stays.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import itertools
import re

from st_tf.arch.graph import Architecture, Graph, Node
from st_tf.arch.specs import ArchSpec, SpecError

_VGG = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
RESNET_DEPTHS = tuple(range(8, 111, 6))
VGG_DEPTHS = tuple(_VGG)
MOBILENET_DEPTHS = tuple(range(1, 21))


@dataclasses.dataclass(frozen=True)
class Naming:
  """How the networks of a kind name their blocks.

  Attributes:
    kind: of networks, for messages.
    pattern: what the names of a block's layers begin with; its groups are 'before' the number, 'number' and, of some, the 'run'.
    depths: that networks of the kind have; none = any number, of blocks in every run.
    blocks: (depth, runs) -> how many blocks each of them has.
    fixed: whether block 0 of a run stays.
    repeated: which sequences of blocks of one shape are runs, where names alone do not say it; so a run stays known when it is squeezed to
      one block. None = names say it.
    sequences: how many of them networks have; another number = those of more than one block are runs.
    ending: of the names of some of its layers, where other kinds have names like its own.
  """

  kind: str
  pattern: re.Pattern
  depths: tuple[int, ...] = ()
  blocks: Callable[[int, int], tuple[int, ...]] = lambda depth, runs: (depth,) * runs
  fixed: bool = True
  repeated: slice | None = None
  sequences: tuple[int, ...] = ()
  ending: str = ''


def resnet_blocks(depth: int, runs: int = 3) -> tuple[int, ...]:
  """Residual blocks of each stage of a ResNet for small pictures (He et al., CVPR 2016, section 4.2): depth = 6n + 2."""
  return ((depth - 2) // 6,) * runs


def vgg_blocks(depth: int, runs: int = 5) -> tuple[int, ...]:
  """Convolutions of each stage of a VGG (Simonyan and Zisserman, ICLR 2015, table 1)."""
  del runs
  return _VGG[depth]


_SUPERNET = Naming('the high-resolution network', re.compile(r'(?P<before>(?P<run>stage\d+/branch\d+)/block)(?P<number>\d+)'), fixed=False)
_NAMINGS = (
  Naming('cifar_resnet', re.compile(r'(?P<before>(?P<run>stage\d+)/block)(?P<number>\d+)(?=/)'), RESNET_DEPTHS, resnet_blocks),
  Naming('cifar_vgg', re.compile(r'(?P<before>(?P<run>stage\d+)/conv)(?P<number>\d+)(?=/)'), VGG_DEPTHS, vgg_blocks),
  Naming(
    'mobilenet',
    re.compile(r'(?P<before>conv_(?:dw|pw|pad)_)(?P<number>\d+)(?!\d)'),
    MOBILENET_DEPTHS,
    lambda depth, runs: (depth + 1,) * runs,  # The block that makes their shape is one more.
    repeated=slice(3, 4),  # The blocks of 512 channels.
    sequences=(5,),
  ),
  Naming('menas', re.compile(r'(?P<before>(?P<run>s\d+)b)(?P<number>\d+)(?=/)'), repeated=slice(None)),
  Naming('resnet50', re.compile(r'(?P<before>(?P<run>conv\d+)_block)(?P<number>\d+)(?=_)'), ending='_add'),
  Naming('mobilenet_v2', re.compile(r'(?P<before>block_)(?P<number>\d+)(?=_)'), repeated=slice(0, 5), sequences=(6,)),
  Naming('mobilenet_v3', re.compile(r'(?P<before>expanded_conv_)(?P<number>\d+)(?=/)'), repeated=slice(None), sequences=(4, 5)),
  Naming('efficientnet_lite', re.compile(r'(?P<before>block)(?P<number>\d+)(?=/)'), repeated=slice(1, 6), sequences=(7,)),
)
_SHARE = 0.5  # Of a network's layers that a naming has to know.

Key = tuple[str, int]  # (name of its run where it has one, number) of a block.


@dataclasses.dataclass(frozen=True)
class Run:
  """Blocks that follow each other and have one shape.

  Attributes:
    name: for messages.
    blocks: in order.
    fixed: whether the first makes the shape of the others, and stays.
  """

  name: str
  blocks: tuple[Key, ...]
  fixed: bool


@dataclasses.dataclass(frozen=True)
class Repeats:
  """The runs of a network.

  Attributes:
    naming: of its blocks.
    runs: in network order.
    keys: all blocks in order, also those that are of no run.
  """

  naming: Naming
  runs: tuple[Run, ...]
  keys: tuple[Key, ...]

  @classmethod
  def of(cls, arch: Architecture) -> 'Repeats':
    """The runs of a network that no search has emptied blocks of.

    Raises:
      SpecError: it has none that are known.
    """
    return _of_spec(arch) if isinstance(arch, ArchSpec) else _of_graph(arch)

  @property
  def counts(self) -> tuple[int, ...]:
    """Blocks of each run."""
    return tuple(len(run.blocks) for run in self.runs)

  def wanted(self, depth: int) -> tuple[int, ...]:
    """Blocks of each run at another depth.

    Raises:
      SpecError: networks of the kind have no such depth.
    """
    kind, known = self.naming.kind, self.naming.depths
    if (known and depth not in known) or depth < 1:
      listed = ', '.join(map(str, known)) or '1 and more, blocks of every run'
      raise SpecError(f'Depths of {kind} are {listed}. Received: --target_depth={depth}. Take one of them.')
    return self.naming.blocks(depth, len(self.runs))

  def depth_of(self, counts: Sequence[int]) -> int:
    """The depth at which runs have so many blocks; 0 where it has no number."""
    known = self.naming.depths or tuple(dict.fromkeys(counts))
    return next((depth for depth in known if self.naming.blocks(depth, len(self.runs)) == tuple(counts)), 0)


def _of_spec(arch: ArchSpec) -> Repeats:
  runs = []
  for stage, spec in enumerate(arch.stages, 1):
    for branch, count in enumerate(spec.blocks):
      name = f'stage{stage}/branch{branch}'
      if count:
        runs.append(Run(name, tuple((name, number) for number in range(count)), _SUPERNET.fixed))
  if not runs:
    raise SpecError('Blocks that repeat lie in the branches of a stage. Received: a supernet whose branches have none.')
  return Repeats(_SUPERNET, tuple(runs), tuple(key for run in runs for key in run.blocks))


def _of_graph(graph: Graph) -> Repeats:
  inner = [node for node in graph.nodes if node.inputs]
  naming = next((naming for naming in _NAMINGS if _is_named(inner, naming)), None)
  if naming is None:
    kinds = ', '.join(naming.kind for naming in (*_NAMINGS, _SUPERNET))
    named = ', '.join(node.name for node in inner[:: max(len(inner) // 3, 1)][:3])
    raise SpecError(
      f'Blocks that repeat are known of {kinds}, by the names of their layers. Received: layers such as {named}.'
      ' Take a ticket of one of those.'
    )
  keys: dict[Key, list[Node]] = {}
  for node in inner:
    key = key_of(naming, node.name)
    if key:
      keys.setdefault(key, []).append(node)
  if naming.repeated is None:
    names = dict.fromkeys(run for run, _ in keys)
    runs = [Run(name, tuple(key for key in keys if key[0] == name), naming.fixed) for name in names]
    for run in runs:
      _check_shapes(graph, [keys[key] for key in run.blocks])
  else:
    runs = _by_shape(graph, keys)
    if len(runs) in naming.sequences:
      runs = runs[naming.repeated]
    else:  # A network of its own, such as a searched one or somebody's with blocks of the same names.
      runs = [] if naming.depths else [run for run in runs if len(run.blocks) > 1]
  if not runs:
    raise SpecError(
      f'Blocks that repeat have the shape of one before them. Received: {naming.kind}, and no two blocks of it have one shape.'
    )
  return Repeats(naming, tuple(runs), tuple(keys))


def _is_named(nodes: Sequence[Node], naming: Naming) -> bool:
  known = sum(bool(naming.pattern.match(node.name)) for node in nodes)
  return known > _SHARE * len(nodes) and any(node.name.endswith(naming.ending) for node in nodes)


def _by_shape(graph: Graph, keys: Mapping[Key, Sequence[Node]]) -> list[Run]:
  """Sequences of blocks that give what they read in its shape, each after the block that made it, which may be alone."""
  found: list[list[Key]] = []
  for key, nodes in keys.items():
    names = {node.name for node in nodes}
    entry = next(name for node in nodes for name in node.inputs if name not in names)
    if found and found[-1][-1][0] == key[0] and graph[entry].shape == nodes[-1].shape:
      found[-1].append(key)
    else:
      found.append([key])
  return [Run(_numbered(blocks), tuple(blocks), True) for blocks in found]


def _numbered(blocks: Sequence[Key]) -> str:
  (name, first), (_, last) = blocks[0], blocks[-1]
  return f'{name} blocks {first} to {last}'.lstrip()


def _check_shapes(graph: Graph, blocks: Sequence[Sequence[Node]]) -> None:
  """Raises SpecError where blocks behind the first do not give what they read in its shape."""
  for (entry, end), nodes in zip(itertools.pairwise(ends_of(blocks)[1:]), blocks[1:]):
    if graph[entry].shape != graph[end].shape:
      shapes = f'{nodes[0].name} ... {end}, from {graph[entry].shape} to {graph[end].shape}'
      raise SpecError(f'Blocks that repeat give maps of the shape that they read. Received: {shapes}. Its depth stays as it is.')


def key_of(naming: Naming, name: str) -> Key | None:
  """The block that a layer, a block or a variable of that name belongs to; None = to none."""
  match = naming.pattern.match(name)
  return (match.groupdict().get('run', ''), int(match['number'])) if match else None


def ends_of(blocks: Sequence[Sequence[Node]]) -> list[str]:
  """What the first of some blocks reads, and what each of them gives; of one that is gone, what it would have read.

  Raises:
    SpecError: one reads something else than what the one before it gives.
  """
  ends: list[str] = []
  for nodes in filter(None, blocks):
    names = {node.name for node in nodes}
    outside = {name for node in nodes for name in node.inputs} - names
    if len(outside) != 1 or (ends and outside != {ends[-1]}):
      raise SpecError(
        f'Blocks read what the one before them gives. Received: {nodes[0].name}, which reads {", ".join(sorted(outside))}.'
        ' Its depth stays as it is; of a network by name, layers are named after their blocks.'
      )
    ends += [] if ends else outside
    ends.append(nodes[-1].name)
  found, left = ends[:1], iter(ends[1:])
  for nodes in blocks:
    found.append(next(left) if nodes else found[-1])
  return found

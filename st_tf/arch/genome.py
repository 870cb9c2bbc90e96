"""A mobile network as a genome: inverted residuals of which each has choices of its own, and what it costs, by arithmetic.

The blocks are those of MobileNetV3 (Howard et al., ICCV 2019): expansion, depthwise convolution, gate, projection. A genome knows
no image size and no task; a `Site` says both, and what every stage's stride comes to there. Nothing here needs TensorFlow.
"""

from collections.abc import Iterator, Mapping
import dataclasses
import json
import math

from st_tf import plain
from st_tf.arch.specs import HeadSpec, SpecError

KERNELS = (3, 5, 7)
ACTIVATIONS = ('relu', 'hard_swish')
STEM_KERNEL = 3
FINEST = 4  # The stride of the finest maps that a head for maps reads, where there are maps of it.
HEAD_WIDTH = 64  # Channels at most that such a head brings them to.
_HEAD_KERNEL, _HEAD_REFINEMENTS = 5, 2
_SQUEEZE = 4  # Hidden channels per channel of a gate.
_IMAGE = 3
_NORM = 2  # Trained parameters of a batch norm per channel.
_SMALLEST = 4  # Pixels that a side of the last maps has, where the images have as many.


@dataclasses.dataclass(frozen=True)
class Block:
  """One inverted residual.

  Attributes:
    kernel: size of the depthwise convolution, in pixels.
    hidden: channels between expansion and projection.
    width: channels of its output.
    gate: whether hidden channels are gated (squeeze-and-excite).
    activation: one of `ACTIVATIONS`.
    skip: whether its input is added to its output.
  """

  kernel: int
  hidden: int
  width: int
  gate: bool
  activation: str
  skip: bool

  @property
  def squeezed(self) -> int:
    """Channels that its gate is computed from."""
    return squeezed(self.hidden)


def squeezed(hidden: int) -> int:
  """Channels that the gate of so many hidden ones is computed from."""
  return max(hidden // _SQUEEZE, 1)


@dataclasses.dataclass(frozen=True)
class Genome:
  """A network.

  Attributes:
    stem: channels of the first convolution.
    stages: their blocks.
    last: channels of the convolution before the pooling; a head for maps does not read it.
  """

  stem: int
  stages: tuple[tuple[Block, ...], ...]
  last: int

  def blocks(self) -> Iterator[tuple[int, int, int, Block]]:
    """(stage, place in it, channels that it reads, block) in order."""
    before = self.stem
    for number, stage in enumerate(self.stages):
      for place, block in enumerate(stage):
        yield number, place, before, block
        before = block.width

  def to_text(self) -> str:
    """One line; `from_text` is the inverse."""
    stages = [[list(dataclasses.astuple(block)) for block in stage] for stage in self.stages]
    return json.dumps({'stem': self.stem, 'stages': stages, 'last': self.last}, separators=(',', ':'))

  @classmethod
  def from_text(cls, text: str) -> 'Genome':
    """The genome in a line.

    Raises:
      SpecError: there is none in it.
    """
    try:
      facts = plain.parse(text)
      for name in ('stem', 'last'):
        plain.check(facts[name], int, name)
      plain.check(facts['stages'], list[list[tuple[int, int, int, bool, str, bool]]], 'stages')
      return cls(facts['stem'], tuple(tuple(Block(*block) for block in stage) for stage in facts['stages']), facts['last'])
    except (KeyError, TypeError, ValueError) as error:
      raise SpecError(f'A genome has the form that to_text writes. Received: {text!r:.200} ({error}).') from error

  def narrowed(self, widths: Mapping[str, int]) -> 'Genome':
    """The genome with other widths.

    Args:
      widths: channels by the name of what makes them: 'stem', 'last', and of blocks 's0b1/hidden' and 's0b1/width'.
    """
    stages: list[list[Block]] = [[] for _ in self.stages]
    for number, place, _, block in self.blocks():
      name = block_name(number, place)
      hidden, width = (widths.get(f'{name}/{part}', getattr(block, part)) for part in ('hidden', 'width'))
      stages[number].append(dataclasses.replace(block, hidden=hidden, width=width))
    return Genome(widths.get('stem', self.stem), tuple(map(tuple, stages)), widths.get('last', self.last))


def block_name(stage: int, place: int) -> str:
  """What the layers of a block are called by."""
  return f's{stage}b{place}'


@dataclasses.dataclass(frozen=True)
class Site:
  """Where genomes become networks.

  Attributes:
    image_size: (height, width), in pixels.
    strides: of the first convolution, then of each stage's first block.
    head: what the task asks of the end.
  """

  image_size: tuple[int, int]
  strides: tuple[int, ...]
  head: HeadSpec

  @classmethod
  def of(cls, strides: tuple[int, ...], image_size: tuple[int, int], head: HeadSpec) -> 'Site':
    """The site of images of a size: strides that small ones do not have room for are left out, the first ones first.

    Args:
      strides: of the first convolution, then of each stage.
      image_size: (height, width), in pixels.
      head: what the task asks of the end.
    """
    left = list(strides)
    while min(image_size) < _SMALLEST * math.prod(left) and max(left) > 1:
      left[next(index for index, stride in enumerate(left) if stride > 1)] = 1
    return cls(tuple(image_size), tuple(left), head)

  def size_after(self, stages: int) -> tuple[int, int]:
    """(height, width) of maps after the first convolution and so many stages."""
    size = self.image_size
    for stride in self.strides[: stages + 1]:
      size = tuple(-(-side // stride) for side in size)
    return size


@dataclasses.dataclass(frozen=True)
class Price:
  """What a network costs: trained parameters, and multiply-accumulates per image."""

  params: int = 0
  macs: int = 0

  def __add__(self, other: 'Price') -> 'Price':
    """Both together."""
    return Price(self.params + other.params, self.macs + other.macs)


def price(genome: Genome, site: Site) -> Price:
  """What the network of a genome costs, its head included."""
  at = [math.prod(site.size_after(stages)) for stages in range(len(genome.stages) + 1)]
  total = _convolution(_IMAGE * STEM_KERNEL**2, genome.stem, at[0])
  for number, place, before, block in genome.blocks():
    total += _block(block, before, at[number] if place == 0 else at[number + 1], at[number + 1])
  if site.head.kind == 'classification':
    width = genome.stages[-1][-1].width
    return total + _convolution(width, genome.last, at[-1]) + _convolution(genome.last, site.head.outputs, 1, site.head.outputs)
  return total + _map_head(genome, site)


def _block(block: Block, before: int, expanded: int, after: int) -> Price:
  """A block that expands at so many places, and has so many after its stride."""
  total = _convolution(before, block.hidden, expanded) + _convolution(block.kernel**2, block.hidden, after)
  if block.gate:
    total += _convolution(block.hidden, block.squeezed, 1, block.squeezed) + _convolution(block.squeezed, block.hidden, 1, block.hidden)
  return total + _convolution(block.hidden, block.width, after)


def _convolution(reads: int, makes: int, places: int, beside: int | None = None) -> Price:
  """Weights, and what stands beside them: a batch norm, or a bias of so many."""
  weights = reads * makes
  return Price(weights + (_NORM * makes if beside is None else beside), weights * places)


def looked_at(genome: Genome, site: Site) -> int:
  """Multiply-accumulates of the moments of one picture (`search.moments`): products of all channels that a kernel reads."""
  sizes = [site.size_after(stages) for stages in range(len(genome.stages) + 1)]
  total = _products(_IMAGE, site.image_size, STEM_KERNEL if site.strides[0] > 1 else 0)
  for number, place, before, block in genome.blocks():
    strided = place == 0 and site.strides[number + 1] > 1
    size = sizes[number] if place == 0 else sizes[number + 1]
    total += _products(before, size) + _products(block.hidden, size, block.kernel if strided else 0)
    total += _products(block.hidden, sizes[number + 1])
    total += _products(block.hidden, (1, 1)) + _products(block.squeezed, (1, 1)) if block.gate else 0
  total += _products(genome.stages[-1][-1].width, sizes[-1])
  if site.head.kind == 'classification':
    return total + _products(genome.last, (1, 1))
  width, places, _ = _levels(genome, site)
  return total + (2 * _HEAD_REFINEMENTS + 1) * width**2 * places


def _products(channels: int, size: tuple[int, int], kernel: int = 0) -> int:
  """Of channels with each other at every place, those that padding for a kernel adds too."""
  return channels**2 * math.prod(side + 2 * (kernel // 2) for side in size)


def _map_head(genome: Genome, site: Site) -> Price:
  """As `models.map_head` builds it: the last maps of every stride are brought to one width, and the finest refined."""
  width, places, read = _levels(genome, site)
  total = sum((_convolution(channels, width, at) for channels, at in read), Price())
  for _ in range(_HEAD_REFINEMENTS):
    total += _convolution(_HEAD_KERNEL**2, width, places) + _convolution(width, width, places)
  return total + _convolution(width, site.head.outputs, places, site.head.outputs)


def _levels(genome: Genome, site: Site) -> tuple[int, int, list[tuple[int, int]]]:
  """(the width that a head for maps brings all to, places of its finest maps, (channels, places) of all maps that it reads)."""
  levels: dict[int, tuple[int, int]] = {}  # Stride: (channels, places).
  stride = site.strides[0]
  levels[stride] = (genome.stem, math.prod(site.size_after(0)))
  for number, stage in enumerate(genome.stages):
    stride *= site.strides[number + 1]
    levels[stride] = (stage[-1].width, math.prod(site.size_after(number + 1)))
  finest = max((stride for stride in levels if stride <= FINEST), default=min(levels))
  read = [level for stride, level in levels.items() if stride >= finest]
  return min(HEAD_WIDTH, max(channels for channels, _ in read)), levels[finest][1], read

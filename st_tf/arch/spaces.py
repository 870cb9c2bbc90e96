"""Spaces of mobile networks: how many there are, exactly; which is which; one by chance, each as likely as any other.

`MobileNet3-MT` is the space of MENAS (arXiv:2203.04300): MobileNetV3 without what its makers decided. Kernel, expansion, width, gate,
activation and skip are free in every block, and so is the depth of every stage. The paper's own limits of them were not available to us:
these are ours. MobileNetV3 itself (Howard et al., ICCV 2019) is no member, since its first block expands nothing, its gates come before
their activation, and its head has another layer.
"""

from collections.abc import Iterator, Mapping
import dataclasses
import functools
import random

from st_tf.arch.genome import ACTIVATIONS, KERNELS, Block, Genome


@dataclasses.dataclass(frozen=True)
class Stage:
  """The choices of a stage.

  Attributes:
    stride: of its first block.
    depths: how many blocks it may have.
    widths: what they may be.
    hidden: what lies between expansion and projection.
  """

  stride: int
  depths: range
  widths: range
  hidden: range


@dataclasses.dataclass(frozen=True)
class Space:
  """A set of genomes.

  Attributes:
    stems: widths of the first convolution.
    stages: the choices of each.
    lasts: widths of the last convolution.
    stem_stride: of the first convolution.
  """

  stems: range
  stages: tuple[Stage, ...]
  lasts: range
  stem_stride: int = 2

  @property
  def strides(self) -> tuple[int, ...]:
    """Of the first convolution and of each stage, where images have room for them."""
    return (self.stem_stride, *(stage.stride for stage in self.stages))

  @property
  def size(self) -> int:
    """How many genomes there are, exactly."""
    return sum(self._behind(0, depth, 0)[stem] for stem in self.stems for depth in self.stages[0].depths)

  def member(self, index: int) -> Genome:
    """The genome of that number, from 0 to below `size`: each has one number.

    Raises:
      IndexError: there is no such number.
    """
    if not 0 <= index < self.size:
      raise IndexError(f'Genomes have numbers from 0 to {self.size - 1}. Received: {index}.')
    options = {stem: sum(self._behind(0, depth, 0)[stem] for depth in self.stages[0].depths) for stem in self.stems}
    stem, index = _chosen(options, index)
    stages, before = [], stem
    for number, stage in enumerate(self.stages):
      depth, index = _chosen({depth: self._behind(number, depth, 0)[before] for depth in stage.depths}, index)
      blocks = []
      for place in range(depth):
        behind = self._behind(number, depth, place + 1)
        options = {after: self._ways(number, place, before, after) * behind[after] for after in stage.widths}
        width, index = _chosen(options, index)
        own, index = divmod(index, behind[width])
        blocks.append(self._block(number, own, width))
        before = width
      stages.append(tuple(blocks))
    return Genome(stem, tuple(stages), self.lasts[index])

  def sample(self, rng: random.Random) -> Genome:
    """A genome by chance, each as likely as any other: deep stages, of which there are more, come more often."""
    return self.member(rng.randrange(self.size))

  def faults(self, genome: Genome) -> Iterator[str]:
    """Why a genome is no member; nothing of one that is."""
    if genome.stem not in self.stems:
      yield f'stem {genome.stem}'
    if genome.last not in self.lasts:
      yield f'last {genome.last}'
    if len(genome.stages) != len(self.stages):
      yield f'{len(genome.stages)} stages'
      return
    for number, (stage, blocks) in enumerate(zip(self.stages, genome.stages)):
      if len(blocks) not in stage.depths:
        yield f'stage {number} of {len(blocks)} blocks'
    for number, place, before, block in genome.blocks():
      stage = self.stages[number]
      wrong = {
        f'kernel {block.kernel}': block.kernel not in KERNELS,
        f'hidden {block.hidden}': block.hidden not in stage.hidden,
        f'width {block.width}': block.width not in stage.widths,
        f'activation {block.activation}': block.activation not in ACTIVATIONS,
        'skip': block.skip and not self.may_skip(number, place, before, block.width),
      }
      yield from (f'{fault} in block {place} of stage {number}' for fault, is_wrong in wrong.items() if is_wrong)

  def __contains__(self, genome: Genome) -> bool:
    """Whether it is a member."""
    return not any(self.faults(genome))

  def may_skip(self, number: int, place: int, before: int, after: int) -> bool:
    """Whether what a block reads can be added to what it makes.

    Args:
      number: of the stage.
      place: of the block in it.
      before: channels that it reads.
      after: that it makes.
    """
    return before == after and (place > 0 or self.stages[number].stride == 1)

  def _alone(self, number: int) -> int:
    """Choices of a block beside width and skip."""
    return len(KERNELS) * len(self.stages[number].hidden) * 2 * len(ACTIVATIONS)

  def _ways(self, number: int, place: int, before: int, after: int) -> int:
    return self._alone(number) * (2 if self.may_skip(number, place, before, after) else 1)

  def _block(self, number: int, index: int, width: int) -> Block:
    """The block of that number among those of a width."""
    skip, index = divmod(index, self._alone(number))
    index, activation = divmod(index, len(ACTIVATIONS))
    index, gate = divmod(index, 2)
    hidden, kernel = divmod(index, len(KERNELS))
    return Block(KERNELS[kernel], self.stages[number].hidden[hidden], width, bool(gate), ACTIVATIONS[activation], bool(skip))

  def _behind(self, number: int, depth: int, place: int) -> Mapping[int, int]:
    """In how many ways a genome goes on before block `place` of a stage of that depth, by the channels that are read there."""
    return self._counts[number, depth, place]

  @functools.cached_property
  def _counts(self) -> Mapping[tuple[int, int, int], Mapping[int, int]]:
    counts: dict[tuple[int, int, int], Mapping[int, int]] = {}
    behind = dict.fromkeys(self.stages[-1].widths, len(self.lasts))
    for number in reversed(range(len(self.stages))):
      stage, read = self.stages[number], self.stages[number - 1].widths if number else self.stems
      for depth in stage.depths:
        counts[number, depth, depth] = behind
        for place in reversed(range(depth)):
          after = counts[number, depth, place + 1]
          counts[number, depth, place] = {
            before: sum(self._ways(number, place, before, width) * after[width] for width in stage.widths)
            for before in (stage.widths if place else read)
          }
      behind = {before: sum(counts[number, depth, 0][before] for depth in stage.depths) for before in read}
    return counts


def _chosen(options: Mapping[int, int], index: int) -> tuple[int, int]:
  """(the option that a number falls to, when each has as many as it says; the number within it)."""
  for option, count in options.items():
    if index < count:
      return option, index
    index -= count
  raise IndexError(index)


def _steps(first: int, last: int, step: int) -> range:
  return range(first, last + 1, step)


def _stage(stride: int, deepest: int, widths: tuple[int, int], hidden: int, step: int) -> Stage:
  return Stage(stride, _steps(1, deepest, 1), _steps(*widths, step), _steps(step, hidden, step))


SPACES: Mapping[str, Space] = {
  # The widths of MobileNetV3 lie well inside.
  'mobilenet3_mt': Space(
    _steps(8, 32, 8),
    (
      _stage(1, 2, (8, 32), 192, 8),
      _stage(2, 4, (8, 48), 288, 8),
      _stage(2, 6, (16, 80), 480, 8),
      _stage(2, 6, (24, 128), 768, 8),
      _stage(1, 6, (32, 160), 960, 8),
      _stage(2, 6, (48, 240), 1440, 8),
    ),
    _steps(64, 1280, 8),
  ),
  # For small pictures, and machines without a GPU.
  'mobilenet3_mt_small': Space(
    _steps(8, 32, 8),
    (_stage(1, 2, (8, 24), 96, 8), _stage(2, 4, (8, 48), 192, 8), _stage(2, 4, (16, 80), 320, 8), _stage(2, 4, (24, 128), 512, 8)),
    _steps(64, 512, 8),
  ),
  # For tests and demonstrations.
  'mobilenet3_mt_tiny': Space(_steps(4, 8, 4), (_stage(1, 2, (4, 8), 16, 4), _stage(2, 2, (4, 12), 24, 4)), _steps(8, 16, 4)),
}

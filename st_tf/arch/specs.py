"""Networks as pure data: what a supernet is, and what a search left of it.

Nothing here needs TensorFlow. An `ArchSpec` describes the high-resolution network of HR-NAS (CVPR 2021, section 3), a
`HeadSpec` what a task wants at its end; `layout` lists every search block of the pair, in network order. All of it
survives a round trip through JSON.
"""

from collections.abc import Mapping
import dataclasses
from typing import Any

from st_tf import plain
from st_tf.errors import UserError

ACTIVATIONS = ('relu', 'relu6', 'hard_swish', 'swish')
UPSAMPLINGS = ('nearest', 'bilinear')
_MOST_KERNELS = 10_000  # Of which each is several layers; the largest preset has 228.
HEADS = ('classification', 'dense')


class SpecError(UserError):
  """A description that no network can be built from."""


@dataclasses.dataclass(frozen=True)
class HeadSpec:
  """What the task asks of the network's end.

  Attributes:
    kind: 'classification' ([batch, outputs] logits) or 'dense' ([batch, height, width, outputs] logits).
    outputs: classes or keypoints.
  """

  kind: str
  outputs: int

  def __post_init__(self):
    _require(self.kind in HEADS, f'A head is one of {", ".join(HEADS)}.', self.kind)
    _require(self.outputs >= 1, 'A head needs at least one output.', self.outputs)


@dataclasses.dataclass(frozen=True)
class StageSpec:
  """One fuse module followed by one parallel module.

  Attributes:
    blocks: search blocks per branch, finest resolution first.
    channels: channels per branch.
  """

  blocks: tuple[int, ...]
  channels: tuple[int, ...]

  def __post_init__(self):
    _require(len(self.blocks) == len(self.channels) >= 1, 'A stage has as many block counts as channel counts.', self)
    _require(_counts(self.channels, 1) and _counts(self.blocks, 0), 'Channels are counted from 1, blocks from 0.', self)


@dataclasses.dataclass(frozen=True)
class BlockSpec:
  """What a search left of one block.

  Attributes:
    kernels: (depthwise kernel size from 3, units) of each kernel that is left; empty when the block is its skip alone.
    tokens: tokens of the lightweight transformer on the skip; 0 = none.
    shift: whether a per-channel constant is added to the skip. It is what remains of a removed batch norm.
  """

  kernels: tuple[tuple[int, int], ...]
  tokens: int = 0
  shift: bool = False

  def __post_init__(self):
    odd = all(_counts((size, units), 1) and size % 2 == 1 and size > 1 for size, units in self.kernels)
    _require(odd, 'Kernel sizes are odd and 3 or more, and every kernel has at least one unit.', self.kernels)
    _require(len({size for size, _ in self.kernels}) == len(self.kernels), 'Kernel sizes are distinct.', self.kernels)
    _require(_counts((self.tokens,), 0), 'Tokens are counted from 0.', self.tokens)


@dataclasses.dataclass(frozen=True)
class ArchSpec:
  """The high-resolution network, before or after a search.

  Attributes:
    stages: one entry per fuse + parallel pair.
    stem_channels: channels of the two 3x3 convolutions at the start.
    separable_stem: whether the second of them is a depthwise and a 1x1 convolution (what sparse mobile inference needs).
    input_stride: how much the stem shrinks the image: 1, 2 or 4.
    head_channels: classification only: channels each branch is increased to.
    last_channel: channels before the final layer.
    kernels: depthwise kernel sizes a search block starts with, odd and from 3.
    expansion: units per kernel and input channel.
    tokens: tokens of the lightweight transformer a block starts with; 0 = off.
    activation: one of `ACTIVATIONS`.
    upsampling: 'nearest' (the reference) or 'bilinear' (what sparse mobile inference needs).
    bn_momentum: share of the old moving statistics kept per step (Keras convention).
    bn_epsilon: added to the variance.
    dropout: before a classification head's final layer.
    searched: (block name, what is left) for blocks that a search has changed.
  """

  stages: tuple[StageSpec, ...]
  stem_channels: tuple[int, int] = (24, 24)
  separable_stem: bool = False
  input_stride: int = 4
  head_channels: tuple[int, ...] = ()
  last_channel: int = 1600
  kernels: tuple[int, ...] = (3, 5, 7)
  expansion: int = 4
  tokens: int = 0
  activation: str = 'relu'
  upsampling: str = 'nearest'
  bn_momentum: float = 0.99
  bn_epsilon: float = 1e-3
  dropout: float = 0.2
  searched: tuple[tuple[str, BlockSpec], ...] = ()

  def __post_init__(self):
    _require(len(self.stages) >= 1, 'A network has at least one stage.', self.stages)
    blocks = sum(sum(stage.blocks) + 3 * len(stage.channels) for stage in self.stages) * len(self.kernels)
    _require(blocks <= _MOST_KERNELS, f'The blocks of a network have at most {_MOST_KERNELS:,} kernels.', f'about {blocks:,}')
    _require(len(self.stages[0].channels) == 1, 'The first stage has one branch.', self.stages[0])
    for before, after in zip(self.stages, self.stages[1:]):
      grown = len(after.channels) - len(before.channels)
      _require(grown in (0, 1), 'A stage has as many branches as the one before it, or one more.', after)
    _require(self.input_stride in (1, 2, 4), 'The input stride is 1, 2 or 4.', self.input_stride)
    _require(self.activation in ACTIVATIONS, f'An activation is one of {", ".join(ACTIVATIONS)}.', self.activation)
    _require(self.upsampling in UPSAMPLINGS, f'Upsampling is one of {", ".join(UPSAMPLINGS)}.', self.upsampling)
    _require(len(self.stem_channels) == 2 and _counts(self.stem_channels, 1), 'The stem has two convolutions.', self.stem_channels)
    widths = (*self.head_channels, self.last_channel, self.expansion)
    _require(_counts(widths, 1), 'head_channels, last_channel and expansion are whole numbers from 1.', widths)
    _require(len(self.kernels) >= 1, 'A search block starts with at least one kernel size.', self.kernels)
    _require(type(self.separable_stem) is bool, 'separable_stem is true or false.', self.separable_stem)
    shares = (self.bn_momentum, self.dropout)
    _require(all(0 <= share < 1 for share in shares), 'bn_momentum and dropout lie in [0, 1).', shares)
    _require(self.bn_epsilon > 0, 'bn_epsilon is positive.', self.bn_epsilon)
    BlockSpec(tuple((size, 1) for size in self.kernels), self.tokens)

  def with_searched(self, changes: Mapping[str, BlockSpec]) -> 'ArchSpec':
    """This network with the named blocks replaced."""
    merged = dict(self.searched) | dict(changes)
    return dataclasses.replace(self, searched=tuple(sorted(merged.items())))

  def to_json(self) -> dict[str, Any]:
    """Plain lists, numbers and strings; `from_json` is the inverse."""
    return dataclasses.asdict(self)

  @classmethod
  def from_json(cls, data: Mapping[str, Any] | str | bytes) -> 'ArchSpec':
    """The network described by `to_json`'s result or by its text.

    Raises:
      SpecError: unknown or missing fields, or values that no network has.
    """
    try:
      data = dict(plain.parse(data) if isinstance(data, str | bytes) else data)
      unknown = sorted(set(data) - {field.name for field in dataclasses.fields(cls)})
      _require(not unknown, 'An ArchSpec has only the fields it lists.', unknown)
      _require('stages' in data, 'An ArchSpec has stages.', sorted(data))
      plain.check_fields({name: value for name, value in data.items() if name != 'stages'}, cls, '')
      data['stages'] = tuple(StageSpec(**_tuples(stage)) for stage in data['stages'])
      data['searched'] = tuple((name, BlockSpec(**_tuples(block))) for name, block in data.get('searched', ()))
      return cls(**_tuples(data))
    except SpecError:
      raise
    except (TypeError, ValueError, AttributeError) as error:
      raise SpecError(f'An ArchSpec has the fields and types that to_json writes. Received: {error}.') from error


@dataclasses.dataclass(frozen=True)
class Block:
  """One search block in its place.

  Attributes:
    name: prefix of the names of its layers.
    reference: prefix of its tensors in the public reference network's state dict.
    in_channels: channels it reads.
    out_channels: channels it writes.
    stride: 1 or 2.
    spec: what it is made of.
  """

  name: str
  reference: str
  in_channels: int
  out_channels: int
  stride: int
  spec: BlockSpec

  @property
  def keeps_shape(self) -> bool:
    """Whether the skip is the identity."""
    return self.stride == 1 and self.in_channels == self.out_channels

  @property
  def units(self) -> dict[str, int]:
    """How many units it has of each kernel, and tokens, by 'block/k3' and 'block/transformer'."""
    kernels = {f'{self.name}/k{size}': units for size, units in self.spec.kernels}
    return kernels | ({f'{self.name}/transformer': self.spec.tokens} if self.spec.tokens else {})


def layout(arch: ArchSpec, head: HeadSpec) -> tuple[Block, ...]:
  """Every search block, in network order (the order of the reference's block lists)."""
  searched = dict(arch.searched)
  blocks = []

  def add(name: str, reference: str, in_channels: int, out_channels: int, stride: int) -> None:
    spec = searched.pop(name, None)
    if spec is None:
      tokens = arch.tokens if stride == 1 and in_channels == out_channels else 0
      spec = BlockSpec(tuple((size, arch.expansion * in_channels) for size in arch.kernels), tokens)
    blocks.append(Block(name, reference, in_channels, out_channels, stride, spec))

  channels = (arch.stem_channels[1],)
  for index, stage in enumerate(arch.stages):
    _add_fuse(add, index, channels, stage.channels)
    for branch, (count, width) in enumerate(zip(stage.blocks, stage.channels)):
      for i in range(count):
        reference = f'features.{2 * index + 1}.branches.{branch}.{i}'
        add(f'stage{index + 1}/branch{branch}/block{i}', reference, width, width, 1)
    channels = stage.channels
  _add_head(add, arch, head, channels)
  _require(not searched, 'Searched blocks are blocks of this network.', sorted(searched))
  return tuple(blocks)


def _add_fuse(add, index: int, before: tuple[int, ...], after: tuple[int, ...]) -> None:
  reference = f'features.{2 * index}.fuse_layers'
  for i in range(min(len(before), len(after))):
    for j in range(max(0, i - 1), min(len(before), i + 2)):
      suffix = '' if i == j else '.0'
      add(f'stage{index + 1}/fuse/{j}to{i}', f'{reference}.{i}.{j}{suffix}', before[j], after[i], 2 if j < i else 1)
  for i in range(len(before), len(after)):
    add(f'stage{index + 1}/fuse/{i - 1}to{i}', f'{reference}.{i}.0', after[i - 1], after[i], 2)


def _add_head(add, arch: ArchSpec, head: HeadSpec, channels: tuple[int, ...]) -> None:
  if head.kind == 'dense':
    add('head/transform', 'transform', sum(channels), arch.last_channel, 1)
    return
  matched = len(arch.head_channels) == len(channels)
  _require(matched, 'A classification network has one head_channels entry per branch of its last stage.', arch.head_channels)
  reference = f'features.{2 * len(arch.stages)}'
  for i, (before, after) in enumerate(zip(channels, arch.head_channels)):
    add(f'head/increase{i}', f'{reference}.incre_modules.{i}', before, after, 1)
  for i, (before, after) in enumerate(zip(arch.head_channels, arch.head_channels[1:])):
    add(f'head/down{i}', f'{reference}.downsamp_modules.{i}', before, after, 2)


def _tuples(value):
  if isinstance(value, Mapping):
    return {key: _tuples(item) for key, item in value.items()}
  return tuple(_tuples(item) for item in value) if isinstance(value, (list, tuple)) else value


def _counts(values, least: int) -> bool:
  return all(type(value) is int and value >= least for value in values)


def _require(condition: bool, rule: str, received: Any) -> None:
  if not condition:
    raise SpecError(f'{rule} Received: {received}.')

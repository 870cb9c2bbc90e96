"""What nobody can build or train is refused before it is tried, by an estimate of parameters, multiply-accumulates and memory."""

from collections.abc import Mapping, Sequence
import dataclasses
import math
import os
import re
from typing import Any

from st_tf.arch.graph import Graph
from st_tf.arch.specs import ArchSpec, Block, HeadSpec, SpecError, layout

PARAMETERS = 10**9
MACS = 10**13  # Of one image.
_OF_A_WEIGHT = 16  # Bytes: it, its gradient, its average and what the optimizer remembers.
_OF_AN_OUTPUT = 3  # Bytes: some layers' are kept for the backward pass, others are let go.
_LAYERS_OF_KERNEL, _LAYERS_OF_BLOCK = 7, 5  # Convolutions, norms, activations; skips and sums.
_INNER = 3  # Layers that a block's units go through twice over: convolution, norm, activation.
_BRANCH = re.compile(r'(?:/branch|/fuse/|head/increase|head/down)(\d+)')
# Settings of Keras's layers that the number of their weights is a multiple of.
_SIZES = ('filters', 'units', 'kernel_size', 'depth_multiplier', 'num_heads', 'key_dim', 'value_dim', 'input_dim', 'output_dim',
          'projection_dim', 'num_tokens', 'num_bins', 'max_tokens')  # fmt: skip


@dataclasses.dataclass
class Size:
  """An estimate of a network, from above.

  Attributes:
    params: its weights.
    macs: multiply-accumulates of one image.
    outputs: numbers that all its layers give for one image.
    layers: how many there are, about.
  """

  params: int = 0
  macs: int = 0
  outputs: int = 0
  layers: int = 0

  def add(self, params: int, positions: int, outputs: int) -> None:
    """Counts a layer.

    Args:
      params: its weights.
      positions: where each of them is multiplied.
      outputs: numbers that it gives.
    """
    self.params += params
    self.macs += params * positions
    self.outputs += outputs

  @property
  def of_weights(self) -> int:
    """Bytes that weights take in a training step, and what there is one of for each."""
    return _OF_A_WEIGHT * self.params

  @property
  def of_image(self) -> int:
    """Bytes that an image of a batch takes in a training step."""
    return _OF_AN_OUTPUT * self.outputs

  @property
  def memory(self) -> int:
    """Bytes that a training step takes with one image."""
    return self.of_weights + self.of_image

  def check(self, image_size: Sequence[int]) -> None:
    """Refuses a network that is too large.

    Args:
      image_size: (height, width) of its images, in pixels.

    Raises:
      SpecError: saying how large it is.
    """
    here = machine_memory()
    if self.params <= PARAMETERS and self.macs <= MACS and self.memory <= here:
      return
    pixels = 'x'.join(map(str, image_size))
    raise SpecError(
      f'A network has at most {PARAMETERS:,} parameters and {_rough(MACS)} MACs, and one image fits into the memory of this machine,'
      f' {here / 1e9:.3g} GB. Received: about {_rough(self.params)} parameters, {_rough(self.macs)} MACs and'
      f' {_rough(self.memory)} bytes at {pixels} pixels. Take fewer channels, blocks or pixels, or smaller kernels.'
    )


def check(arch: ArchSpec, head: HeadSpec, input_shape: Sequence[int]) -> None:
  """Refuses a high-resolution network that is too large.

  Args:
    arch: the network.
    head: its end.
    input_shape: (height, width, channels) of one image.

  Raises:
    SpecError: so it is.
  """
  of_specs(arch, head, input_shape).check(input_shape[:2])


def of_specs(arch: ArchSpec, head: HeadSpec, input_shape: Sequence[int]) -> Size:
  """An estimate of a high-resolution network.

  Args:
    arch: the network.
    head: its end.
    input_shape: (height, width, channels) of one image.
  """
  size, (height, width, channels) = Size(), input_shape
  pixels = height * width
  first, second = arch.stem_channels
  size.add(9 * channels * first, pixels, pixels * first)
  size.add(9 * first * second, pixels, pixels * second)
  finest = max(pixels // arch.input_stride**2, 1)
  for block in layout(arch, head):
    found = _BRANCH.search(block.name)
    positions = max(finest // 4 ** min(int(found[1]) if found else 0, 32), 1)
    units = _units(block)
    size.add(_weights(block), positions, positions * _INNER * (2 * units + block.out_channels))
    size.layers += _LAYERS_OF_KERNEL * len(block.spec.kernels) + _LAYERS_OF_BLOCK
  last = (arch.head_channels[-1] if arch.head_channels else 1) * arch.last_channel + arch.last_channel * head.outputs
  size.add(last, finest if head.kind == 'dense' else 1, finest * head.outputs if head.kind == 'dense' else head.outputs)
  return size


def of_graph(graph: Graph) -> Size:
  """The weights and outputs of any other network, as its own nodes say them."""
  size, layers = Size(), set()
  for node in graph.nodes:
    params = sum(map(math.prod, node.weights.values())) if node.layer not in layers else 0
    layers.add(node.layer)
    size.add(params, 0, math.prod(side or 1 for side in node.shape))
    size.layers += 1
  return size


def layer_weights(config: Mapping[str, Any], channels: int) -> int:
  """How many weights a layer of Keras may have, from above.

  Args:
    config: its settings.
    channels: that it reads.
  """
  found = [config[name] for name in _SIZES if name in config]
  numbers = [number for value in found for number in (value if isinstance(value, list | tuple) else (value,))]
  return math.prod(abs(number) for number in numbers if type(number) is int and number) * max(channels, 1) if numbers else 4 * channels


def machine_memory() -> int:
  """Bytes of memory of this machine."""
  return os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')


def _units(block: Block) -> int:
  return sum(units for _, units in block.spec.kernels)


def _weights(block: Block) -> int:
  kernels = sum(size * size * units for size, units in block.spec.kernels)
  skip = 0 if block.keeps_shape else 9 * block.in_channels + block.in_channels * block.out_channels
  return _units(block) * (block.in_channels + block.out_channels) + kernels + skip


def _rough(number: int) -> str:
  return f'1e{len(str(number)) - 1}' if number > 10**18 else f'{float(number):.1e}'.replace('e+0', 'e').replace('e+', 'e')

"""Would a mobile runtime execute this graph sparsely, and if not, what keeps it from doing so?

XNNPACK, which runs .tflite files on phones, changes the layout of a connected part of a graph to one in which 1x1 convolutions
skip zeros. The part must begin at a 3x3 convolution of an image and end at a spatial mean, and everything between must be of a few
kinds. The conditions were measured; one operation that fails them makes its whole part dense.
"""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from tflite.file.flat import Model, Operation, Tensor
from tflite.file.one_sided import Padding

LEAST_ZEROS = 2 / 3  # More than this share of the part's 1x1 weights.
_UNARY = ('RELU', 'RELU6', 'RELU_N1_TO_1', 'LOGISTIC', 'HARD_SWISH', 'ABS', 'NEG', 'SQUARE', 'TANH', 'ELU', 'LEAKY_RELU', 'SQRT', 'RSQRT')
_BINARY = ('ADD', 'MUL')
_CONSTANT = ('DENSIFY', 'DEQUANTIZE')
_FLOATS = ('FLOAT32', 'FLOAT16')
_NOT_EVEN, _NOT_ONE = 'whose padding is not symmetric', 'whose padding is not 1 on each side'


@dataclasses.dataclass(frozen=True)
class Finding:
  """Something that keeps a graph from being executed sparsely.

  Attributes:
    where: the operation, or the file.
    what: what is wrong with it.
    change: what to do about it.
  """

  where: str
  what: str
  change: str


@dataclasses.dataclass(frozen=True)
class Diagnosis:
  """What is to be expected of a graph.

  Attributes:
    sparse: whether a part of it would be executed sparsely.
    operations: how many 1x1 convolutions are in such parts, and how many there are.
    zeros: share of zeros in the weights of the former; of all 1x1 convolutions where there are none; None where it is not known.
    findings: what keeps the rest from it, most basic first.
  """

  sparse: bool
  operations: tuple[int, int]
  zeros: float | None
  findings: tuple[Finding, ...]


def diagnose(model: Model) -> Diagnosis:
  """What is to be expected of `model`."""
  return _Doctor(model).diagnosis()


class _Doctor:
  def __init__(self, model: Model):
    self._model = model
    self._constants = _constants(model)
    self._pads = {operation.outputs[0]: operation for operation in model.operations if self._is_melting_pad(operation)}
    melted = {operation.index for operation in self._pads.values()}
    constants = {
      operation.index for operation in model.operations if operation.kind in _CONSTANT and operation.outputs[0] in self._constants
    }
    self._operations = [operation for operation in model.operations if operation.index not in melted | constants]
    self._roles = {operation.index: self._role(operation) for operation in self._operations}

  def diagnosis(self) -> Diagnosis:
    pointwise = [operation for operation in self._operations if self._is_pointwise(operation)]
    findings = list(self._of_the_file(pointwise))
    sparse: list[Operation] = []
    for part in self._parts():
      of_part = list(self._of_a_part(part))
      inside = [operation for operation in part if self._is_pointwise(operation)]
      if of_part or not inside:
        findings += of_part if inside else []
      else:
        sparse += inside
    if not findings and not sparse:
      findings.append(
        Finding(
          'the graph',
          'no part of it has a 1x1 convolution between a first convolution and a mean',
          'see docs/deploying.md on mobile networks',
        )
      )
    ready = bool(sparse) and not any(finding.where == 'the file' for finding in findings)
    return Diagnosis(ready, (len(sparse) if ready else 0, len(pointwise)), self._zeros(sparse or pointwise), tuple(findings))

  # What an operation may be.

  def _role(self, operation: Operation) -> str:
    """'start', 'inside', 'end', or why it is none."""
    shapes = [self._model.tensors[index].shape for index in (*self._values(operation), *operation.outputs)]
    kind = operation.kind
    if kind == 'CONV_2D':
      return self._convolution_role(operation)
    if kind == 'DEPTHWISE_CONV_2D':
      return self._depthwise_role(operation)
    if kind == 'MEAN' and any(reader.kind == 'CONV_2D' for reader in self._model.readers(operation.outputs[0])):
      return 'a mean that a convolution reads, for which the runtime fails to find memory'
    if kind in ('MEAN', 'DEPTH_TO_SPACE'):
      return 'end' if kind != 'MEAN' or self._is_spatial(operation) else 'a mean over other axes than height and width'
    if any(len(shape) != 4 for shape in shapes):
      return 'a tensor that is not 4-D'
    if kind in _BINARY:
      return (
        'inside'
        if len(self._values(operation)) == 2 and shapes[0] == shapes[1]
        else 'a sum or product with a constant, or of different shapes'
      )
    if kind == 'RESIZE_BILINEAR':
      return 'inside' if not operation.options.alignCorners else 'a resize with aligned corners'
    return 'inside' if kind in _UNARY else f'{kind} is not among the operations that have a sparse form'

  def _convolution_role(self, operation: Operation) -> str:
    height, width, channels = self._kernel(operation)
    options, padding = operation.options, self._padding(operation)
    if (height, width) == (1, 1):
      if (options.strideH, options.strideW) != (1, 1) or any(padding.pads):
        return 'a 1x1 convolution with a stride or padding'
      grouped = self._model.tensors[operation.inputs[0]].shape[-1] != channels
      return 'a grouped convolution' if grouped else 'inside'
    if (height, width, channels) != (3, 3, 3):
      return f'a {height}x{width} convolution of {channels} channels'
    if (options.strideH, options.strideW) != (2, 2):
      return 'a first convolution whose stride is not 2'
    return 'start' if padding.is_even(1) else f'a first convolution {_NOT_ONE} ({padding})'

  def _depthwise_role(self, operation: Operation) -> str:
    height, width, _ = self._kernel(operation)
    options = operation.options
    if height != width or height not in (3, 5):
      return f'a {height}x{width} depthwise convolution'
    if (
      options.depthMultiplier > 1
      and self._model.tensors[operation.inputs[0]].shape[-1] != self._model.tensors[operation.outputs[0]].shape[-1]
    ):
      return 'a depthwise convolution with a multiplier'
    if (options.dilationHFactor, options.dilationWFactor) != (1, 1):
      return 'a dilated convolution'
    if options.strideH != options.strideW or options.strideH not in (1, 2):
      return f'a depthwise convolution of stride {options.strideH}'
    padding = self._padding(operation)
    return 'inside' if padding.is_even((height - 1) // 2) else f'a depthwise convolution {_NOT_EVEN} ({padding})'

  def _kernel(self, operation: Operation) -> tuple[int, int, int]:
    """(height, width, input channels or channels) of a convolution's kernel."""
    shape = self._model.tensors[operation.inputs[1]].shape
    return shape[1], shape[2], shape[3]

  def _padding(self, operation: Operation) -> Padding:
    """How it is padded, with a padding operation before it."""
    source, before, options = operation.inputs[0], [0, 0, 0, 0], operation.options
    if source in self._pads:
      pad = self._pads[source]
      source, before = pad.inputs[0], self._model.tensors[pad.inputs[1]].values[1:3].ravel().tolist()
    size, by_same = self._model.tensors[source].shape[1:3], options.padding == schema.Padding.SAME
    return Padding.of(self._kernel(operation)[:2], (options.strideH, options.strideW), size, before, by_same)

  def _is_melting_pad(self, operation: Operation) -> bool:
    """Whether the runtime melts it into the convolutions that read it."""
    if operation.kind != 'PAD' or self._model.tensors[operation.inputs[1]].values is None:
      return False
    values = self._model.tensors[operation.inputs[1]].values
    readers = self._model.readers(operation.outputs[0])
    # One that two read, or the graph's result, stays an operation of its own.
    convolution = len(readers) == 1 and readers[0].kind in ('CONV_2D', 'DEPTHWISE_CONV_2D') and readers[0].inputs[0] == operation.outputs[0]
    are_maps = values.shape == (4, 2) and len(self._model.tensors[operation.inputs[0]].shape) == 4
    return are_maps and not values[[0, 3]].any() and convolution and operation.outputs[0] not in self._model.outputs

  def _is_spatial(self, operation: Operation) -> bool:
    axes = self._model.tensors[operation.inputs[1]].values
    return axes is not None and sorted(np.ravel(axes).tolist()) == [1, 2]

  def _is_pointwise(self, operation: Operation) -> bool:
    return operation.kind == 'CONV_2D' and self._kernel(operation)[:2] == (1, 1)

  def _values(self, operation: Operation) -> list[int]:
    """What an operation reads that is no constant; a melted padding is passed through."""
    inputs = [index for index in operation.inputs if index not in self._constants]
    return [self._pads[index].inputs[0] if index in self._pads else index for index in inputs]

  # Connected parts.

  def _parts(self) -> list[list[Operation]]:
    """Operations that have a sparse form, connected by what they hand each other."""
    groups: dict[int, int] = {}

    def root(index: int) -> int:
      while groups.setdefault(index, index) != index:
        index = groups[index]
      return index

    able = [operation for operation in self._operations if self._roles[operation.index] in ('start', 'inside', 'end')]
    for operation in able:
      root(operation.index)
      for reader in self._readers(operation):
        inner = self._roles[operation.index] in ('start', 'inside') and self._roles[reader.index] in ('inside', 'end')
        if inner:
          groups[root(reader.index)] = root(operation.index)
    parts: dict[int, list[Operation]] = {}
    for operation in able:
      parts.setdefault(root(operation.index), []).append(operation)
    return list(parts.values())

  def _readers(self, operation: Operation) -> list[Operation]:
    made = set(operation.outputs)
    return [reader for reader in self._operations if made & set(self._values(reader))]

  # Findings.

  def _of_the_file(self, pointwise: Sequence[Operation]) -> Iterator[Finding]:
    tensors = self._model.tensors
    dynamic = [tensors[index] for index in self._model.inputs if min(tensors[index].shape, default=1) < 0]
    if dynamic:
      yield Finding('the file', f'its input {dynamic[0].shape} has no fixed size', 'convert it with a fixed size and a batch of 1')
    elif any(tensors[index].shape[0] != 1 for index in self._model.inputs if tensors[index].shape):
      yield Finding('the file', f'its batch is {tensors[self._model.inputs[0]].shape[0]}', 'convert it with a batch of 1')
    if not pointwise:
      yield Finding('the file', 'it has no 1x1 convolution, and no others have a sparse form', 'use separable convolutions')
      return
    weights = [kernel for kernel in map(self._weights, pointwise) if kernel]
    integers = next((kernel.type for kernel in weights if kernel.type not in _FLOATS), '')
    if integers:
      kind = '8-bit integers' if integers in ('INT8', 'UINT8') else f'of type {integers}'
      yield Finding('the file', f'its numbers are {kind}, which have no sparse form', 'use float32 or float16')
    elif weights and not any(kernel.stored_sparsely for kernel in weights):
      yield Finding(
        'the file',
        'its kernels are stored with their zeros',
        'convert it with Optimize.EXPERIMENTAL_SPARSITY, or export its ticket with --sparse=always',
      )

  def _of_a_part(self, part: Sequence[Operation]) -> Iterator[Finding]:
    members = {operation.index for operation in part}
    for operation in part:
      role = self._roles[operation.index]
      if role != 'end':
        for reader in self._readers(operation):
          if reader.index not in members:
            yield self._obstacle(reader)
        if set(operation.outputs) & set(self._model.outputs):
          yield Finding(self._name(operation), 'its result leaves the graph', 'end in a spatial mean or DEPTH_TO_SPACE')
      if role != 'start':
        for index in self._values(operation):
          maker = self._model.makers.get(index)
          if maker is None:
            yield Finding(self._name(operation), 'it reads the image itself', 'begin with a 3x3 convolution of stride 2')
          elif maker.index not in members:
            yield self._obstacle(maker)
    pointwise = [operation for operation in part if self._is_pointwise(operation)]
    for operation in pointwise:
      if self._weights(operation) is None:
        maker = self._model.makers.get(operation.inputs[1])
        made = f', but made by {maker.kind} {maker.index}' if maker else ''
        yield Finding(self._name(operation), f'its weights are no constants of the file{made}', 'convert it with its weights frozen')
    zeros = self._zeros(pointwise)
    if zeros is not None and zeros <= LEAST_ZEROS and pointwise:
      yield Finding(self._name(part[0]), f'only {zeros:.0%} of the weights behind it are zero', 'prune more than two thirds')

  def _obstacle(self, operation: Operation) -> Finding:
    role = self._roles[operation.index]
    known: Mapping[str, str] = {'start': 'a second beginning', 'end': 'a result that goes on after the mean', 'inside': 'not connected'}
    padded = _NOT_EVEN in role or _NOT_ONE in role
    change = self._padding(operation).change(_NOT_EVEN in role) if padded else _change(operation.kind)
    return Finding(self._name(operation), known.get(role, role), change)

  def _name(self, operation: Operation) -> str:
    # The converter joins the names of all that it has melted together.
    named = self._model.tensors[operation.outputs[0]].name.split(';')[0] if operation.outputs else 'without a result'
    return f'{operation.kind} {operation.index} ({named})'

  def _weights(self, operation: Operation) -> Tensor | None:
    """An operation's kernel as it is in the file; None where it is no constant."""
    index = operation.inputs[1]
    while index in self._model.makers:
      if self._model.makers[index].kind not in _CONSTANT:
        return None
      index = self._model.makers[index].inputs[0]
    kernel = self._model.tensors[index]
    return kernel if kernel.is_constant else None

  def _zeros(self, operations: Sequence[Operation]) -> float | None:
    kernels = list(map(self._weights, operations))
    if any(kernel is None or kernel.nonzeros is None or not kernel.size for kernel in kernels):
      return None
    return 1 - sum(kernel.nonzeros for kernel in kernels) / sum(kernel.size for kernel in kernels) if kernels else None


def _constants(model: Model) -> set[int]:
  """Tensors that are constants, or made from constants alone by unpacking."""
  constants = {index for index, tensor in enumerate(model.tensors) if tensor.is_constant and index not in model.makers}
  for operation in model.operations:
    if operation.kind in _CONSTANT and constants.issuperset(operation.inputs):
      constants.update(operation.outputs)
  return constants


def _change(kind: str) -> str:
  changes = {
    'CONCATENATION': 'add 1x1 convolutions of the parts instead',
    'RESIZE_NEAREST_NEIGHBOR': 'resize bilinearly',
    'DEPTHWISE_CONV_2D': 'use 3x3 or 5x5, stride 1 or 2, padded symmetrically (ZeroPadding2D, then VALID) at a size that 2 divides',
    'CONV_2D': 'use 1x1 convolutions behind a first 3x3 one of stride 2, padded by 1 on each side (ZeroPadding2D, then VALID; even sizes)',
    'MEAN': 'end in a mean over height and width and a dense layer',
    'MUL': 'fold scales into convolutions',
    'ADD': 'fold constants into convolutions',
  }
  return changes.get(kind, 'replace it')

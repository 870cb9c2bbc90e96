"""What is in a .tflite file, as plain data."""

from collections.abc import Sequence
import dataclasses
import functools
import math
from typing import Any

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from tflite.file.model_file import SERVING, ModelFileError, check

_SMALL = 64  # Numbers of a constant whose values are kept.
_KINDS = {value: key for key, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
_TYPE_NAMES = {value: key for key, value in vars(schema.TensorType).items() if isinstance(value, int)}
_TYPES = {
  'FLOAT32': np.float32, 'FLOAT16': np.float16, 'FLOAT64': np.float64, 'INT8': np.int8, 'UINT8': np.uint8, 'INT16': np.int16,
  'UINT16': np.uint16, 'INT32': np.int32, 'UINT32': np.uint32, 'INT64': np.int64, 'BOOL': np.bool_,
}  # fmt: skip

# What an operation has at least: (inputs, their dimensions and those of the result, or None), and its settings.
_LEAST = {'CONV_2D': (2, 4), 'DEPTHWISE_CONV_2D': (2, 4)} | dict.fromkeys(('PAD', 'MEAN', 'ADD', 'MUL'), (2, None))
_LEAST |= dict.fromkeys(('DENSIFY', 'DEQUANTIZE', 'QUANTIZE', 'RESIZE_BILINEAR'), (1, None))
_CONVOLUTIONS = (schema.Conv2DOptionsT, schema.DepthwiseConv2DOptionsT)
_OPTIONS = dict(zip(('CONV_2D', 'DEPTHWISE_CONV_2D'), _CONVOLUTIONS)) | {'RESIZE_BILINEAR': schema.ResizeBilinearOptionsT}


@dataclasses.dataclass(frozen=True)
class Tensor:
  """A value in the graph.

  Attributes:
    name: as the converter called it.
    shape: its sizes; -1 where they are not fixed, but for a batch, which is taken as 1.
    type: 'FLOAT32', 'FLOAT16', 'INT8', ...
    stored_sparsely: whether its zeros are left out in the file.
    nonzeros: how many numbers are not zero; None where it is no constant, or one of numbers that are not understood.
    values: the numbers of a small dense constant, as they are stored; None for others.
    batch: the first size as the file has it, -1 where it is not fixed.
    is_constant: whether its numbers are in the file.
    scale: of numbers that are stored as integers, how far apart two are, where it is one for all; 0 where they are not.
    zero_point: the integer that means 0.
  """

  name: str
  shape: tuple[int, ...]
  type: str
  stored_sparsely: bool
  nonzeros: int | None
  values: np.ndarray | None
  batch: int = 1
  is_constant: bool = False
  scale: float = 0.0
  zero_point: int = 0

  @property
  def size(self) -> int:
    """How many numbers it has."""
    return math.prod(self.shape)


@dataclasses.dataclass(frozen=True)
class Operation:
  """One operation.

  Attributes:
    index: its place in the file.
    kind: 'CONV_2D', 'ADD', ..., 'CUSTOM NAME' where it is none of TFLite's own.
    inputs: indices of the tensors it reads, without those it leaves out.
    outputs: indices of the tensors it makes.
    options: its settings, with the schema's names.
  """

  index: int
  kind: str
  inputs: tuple[int, ...]
  outputs: tuple[int, ...]
  options: Any


@dataclasses.dataclass(frozen=True)
class Model:
  """One graph of a file.

  Attributes:
    tensors: its values.
    operations: in their order.
    inputs: indices of the tensors that come from outside.
    outputs: indices of the tensors that are the result.
    graph: its place among the file's graphs.
    signature: what callers know it by; '' where the file has no such names.
    signatures: all such names in the file.
    output_names: of the outputs in the signature, or of their tensors.
  """

  tensors: tuple[Tensor, ...]
  operations: tuple[Operation, ...]
  inputs: tuple[int, ...]
  outputs: tuple[int, ...]
  graph: int = 0
  signature: str = ''
  signatures: tuple[str, ...] = ()
  output_names: tuple[str, ...] = ()

  @property
  def note(self) -> str:
    """Which of several signatures this is, in words; empty where there is no choice."""
    if len(self.signatures) < 2:
      return ''
    return f'signature {self.signature!r} of {", ".join(map(repr, self.signatures))}; --signature chooses'

  @functools.cached_property
  def makers(self) -> dict[int, Operation]:
    """The operation that makes each tensor."""
    return {index: operation for operation in self.operations for index in operation.outputs}

  def readers(self, tensor: int) -> list[Operation]:
    """The operations that read a tensor."""
    return [operation for operation in self.operations if tensor in operation.inputs]


def read(content: bytes, name: str, signature: str = '') -> Model:
  """A graph of the model in a file's bytes.

  Args:
    content: the bytes.
    name: what messages call the file.
    signature: which graph, where the file has names for several; '' = `SERVING`, or else the first.

  Raises:
    ModelFileError: it is no model, a damaged one, or has no such signature.
  """
  check(content, name)
  try:
    file = schema.ModelT.InitFromPackedBuf(content, 0)
    named = {_text(entry.signatureKey): entry for entry in file.signatureDefs or ()}
  except Exception as error:  # The generated reader raises whatever the damaged bytes lead it to.
    raise _damaged(name, error) from error
  if signature and signature not in named:
    there = ', '.join(map(repr, named)) or 'none, and is read without --signature'
    raise ModelFileError(f'--signature is one that the file has. Received: {signature!r}; {name} has {there}.')
  signature = signature or (SERVING if SERVING in named else next(iter(named), ''))
  try:
    return _model(content, file, named, signature)
  except Exception as error:
    raise _damaged(name, error) from error


def _damaged(name: str, error: Exception) -> ModelFileError:
  return ModelFileError(
    f'A .tflite file can be read. Received: {name}, which is damaged ({type(error).__name__}: {error}). Copy or convert it again.'
  )


def _model(content: bytes, file: Any, named: dict[str, Any], signature: str) -> Model:
  place = named[signature].subgraphIndex if named else 0
  graph = file.subgraphs[place]
  tensors = tuple(_tensor(tensor, file.buffers, content) for tensor in graph.tensors)
  operations = tuple(
    Operation(
      index,
      _kind(file.operatorCodes[entry.opcodeIndex]),
      tuple(int(i) for i in _listed(entry.inputs) if i >= 0),
      tuple(int(i) for i in _listed(entry.outputs)),
      entry.builtinOptions,
    )
    for index, entry in enumerate(_listed(graph.operators))
  )
  inputs, outputs = (tuple(map(int, _listed(listed))) for listed in (graph.inputs, graph.outputs))
  by_tensor = {entry.tensorIndex: _text(entry.name) for entry in _listed(named[signature].outputs)} if named else {}
  names = tuple(by_tensor.get(index, tensors[index].name) for index in outputs)
  model = Model(tensors, operations, inputs, outputs, place, signature, tuple(named), names)
  _check(model)
  return model


def _kind(code: Any) -> str:
  """The name of an operation; what a later TFLite has added has a number."""
  builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
  kind = _KINDS.get(builtin, f'operation {builtin}')
  return f'CUSTOM {_text(code.customCode)}' if kind == 'CUSTOM' else kind


def _check(model: Model) -> None:
  """Refuses what no runtime executes: tensors that are not there, operations without what their kind has.

  Raises:
    ValueError: naming the first.
  """
  there = range(len(model.tensors))
  if not all(index in there for index in (*model.inputs, *model.outputs)):
    raise ValueError('an input or an output is a tensor that is not there')
  made = {index: operation.index for operation in model.operations for index in operation.outputs}
  for operation in model.operations:
    name = f'operation {operation.index} ({operation.kind})'
    if any(made.get(index, -1) >= operation.index for index in operation.inputs):
      raise ValueError(f'{name} reads what is made after it')
    if not all(index in there for index in (*operation.inputs, *operation.outputs)):
      raise ValueError(f'{name} has tensors that are not there')
    inputs, rank = _LEAST.get(operation.kind, (0, None))
    known = [model.tensors[index].shape for index in (*operation.inputs[:inputs], *operation.outputs)]
    if len(operation.inputs) < inputs or (inputs and not operation.outputs) or any(rank and len(shape) != rank for shape in known):
      raise ValueError(f'{name} has not the inputs and the result of its kind')
    if operation.kind in _OPTIONS and not isinstance(operation.options, _OPTIONS[operation.kind]):
      raise ValueError(f'{name} has not the settings of its kind')
    if isinstance(operation.options, _CONVOLUTIONS) and min(operation.options.strideH, operation.options.strideW) < 1:
      raise ValueError(f'{name} has no stride')


def _listed(entries: Any) -> Any:
  """An absent list is an empty one."""
  return () if entries is None else entries


def _text(value: Any) -> str:
  return value.decode('utf-8', 'replace') if isinstance(value, bytes) else str(value or '')


def _tensor(tensor: Any, buffers: list, content: bytes) -> Tensor:
  shape = tuple(int(size) for size in _listed(tensor.shape))
  signature = shape if tensor.shapeSignature is None else tuple(int(size) for size in tensor.shapeSignature)
  batch = signature[0] if signature else 1
  signature = (1, *signature[1:]) if len(signature) > 1 and batch == -1 else signature
  kind = _TYPE_NAMES.get(tensor.type, f'type {tensor.type}')
  data, number = _data(buffers[tensor.buffer], content), _TYPES.get(kind)
  values = np.frombuffer(data, number) if data and number else None
  sparse = tensor.sparsity is not None
  dense = values is not None and not sparse and values.size == math.prod(shape)
  scales, zeros = map(_listed, _quantization(tensor))
  zero = np.unique(np.asarray(zeros))
  integers = values is not None and values.dtype.kind in 'iu'
  understood = values is not None and (dense or sparse) and (not integers or zero.size < 2)
  one = len(scales) == 1 and len(zeros) <= 1
  return Tensor(
    _text(tensor.name),
    signature,
    kind,
    sparse,
    int(np.count_nonzero(values != (zero[0] if integers and zero.size else 0))) if understood else None,
    values.reshape(shape) if dense and values.size <= _SMALL else None,
    batch,
    bool(data) or 0 in shape,
    float(scales[0]) if one else 0.0,
    int(zeros[0]) if one and len(zeros) else 0,
  )


def _quantization(tensor: Any) -> tuple[Sequence, Sequence]:
  found = tensor.quantization
  return (found.scale, found.zeroPoint) if found else ((), ())


def _data(buffer: Any, content: bytes) -> bytes:
  """The numbers of a constant, which very large files keep behind the model."""
  if buffer.offset > 1:
    return content[buffer.offset : buffer.offset + buffer.size]
  return b'' if buffer.data is None else np.asarray(buffer.data, np.uint8).tobytes()

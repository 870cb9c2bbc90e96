"""What is in a .tflite file, as plain data."""

import dataclasses
import functools
from typing import Any

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from tflite.file.model_file import ModelFileError, check

_TYPES = {schema.TensorType.FLOAT32: np.float32, schema.TensorType.FLOAT16: np.float16, schema.TensorType.INT8: np.int8}
_INDEX_TYPES = {schema.TensorType.INT32: np.int32}

# What an operation has at least: (inputs, their dimensions and those of the result, or None), and its settings.
_LEAST = {'CONV_2D': (2, 4), 'DEPTHWISE_CONV_2D': (2, 4), 'PAD': (2, None), 'MEAN': (2, None), 'ADD': (2, None), 'MUL': (2, None)}
_CONVOLUTIONS = (schema.Conv2DOptionsT, schema.DepthwiseConv2DOptionsT)
_OPTIONS = dict(zip(('CONV_2D', 'DEPTHWISE_CONV_2D'), _CONVOLUTIONS)) | {'RESIZE_BILINEAR': schema.ResizeBilinearOptionsT}


@dataclasses.dataclass(frozen=True)
class Tensor:
  """A value in the graph.

  Attributes:
    name: as the converter called it.
    shape: its sizes; -1 where they are not fixed.
    type: 'FLOAT32', 'FLOAT16', 'INT8', ...
    stored_sparsely: whether its zeros are left out in the file.
    nonzeros: how many numbers are not zero; None where it is no constant.
    values: the numbers of a small dense constant; None for others.
  """

  name: str
  shape: tuple[int, ...]
  type: str
  stored_sparsely: bool
  nonzeros: int | None
  values: np.ndarray | None

  @property
  def size(self) -> int:
    """How many numbers it has."""
    return int(np.prod(self.shape))


@dataclasses.dataclass(frozen=True)
class Operation:
  """One operation.

  Attributes:
    index: its place in the file.
    kind: 'CONV_2D', 'ADD', ...
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
  """The main graph of a file.

  Attributes:
    tensors: its values.
    operations: in their order.
    inputs: indices of the tensors that come from outside.
    outputs: indices of the tensors that are the result.
  """

  tensors: tuple[Tensor, ...]
  operations: tuple[Operation, ...]
  inputs: tuple[int, ...]
  outputs: tuple[int, ...]

  @functools.cached_property
  def makers(self) -> dict[int, Operation]:
    """The operation that makes each tensor."""
    return {index: operation for operation in self.operations for index in operation.outputs}

  def readers(self, tensor: int) -> list[Operation]:
    """The operations that read a tensor."""
    return [operation for operation in self.operations if tensor in operation.inputs]


def read(content: bytes, name: str) -> Model:
  """The model in a file's bytes.

  Raises:
    ModelFileError: it is none, or a damaged one.
  """
  check(content, name)
  try:
    file = schema.ModelT.InitFromPackedBuf(content, 0)
    graph = file.subgraphs[0]
    tensors = tuple(_tensor(tensor, file.buffers) for tensor in graph.tensors)
    kinds = {value: key for key, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    operations = tuple(
      Operation(
        index,
        kinds[max(file.operatorCodes[entry.opcodeIndex].builtinCode, file.operatorCodes[entry.opcodeIndex].deprecatedBuiltinCode)],
        tuple(int(i) for i in _listed(entry.inputs) if i >= 0),
        tuple(int(i) for i in _listed(entry.outputs)),
        entry.builtinOptions,
      )
      for index, entry in enumerate(graph.operators)
    )
    model = Model(tensors, operations, tuple(map(int, _listed(graph.inputs))), tuple(map(int, _listed(graph.outputs))))
    _check(model)
    return model
  except Exception as error:  # The generated reader raises whatever the damaged bytes lead it to.
    raise ModelFileError(f'A .tflite file can be read. Received: {name}, which is damaged ({type(error).__name__}: {error}).') from error


def _check(model: Model) -> None:
  """Refuses what no runtime executes: tensors that are not there, operations without what their kind has.

  Raises:
    ValueError: naming the first.
  """
  there = range(len(model.tensors))
  if not all(index in there for index in (*model.inputs, *model.outputs)):
    raise ValueError('an input or an output is a tensor that is not there')
  for operation in model.operations:
    name = f'operation {operation.index} ({operation.kind})'
    if not all(index in there for index in (*operation.inputs, *operation.outputs)):
      raise ValueError(f'{name} has tensors that are not there')
    inputs, rank = _LEAST.get(operation.kind, (0, None))
    known = [model.tensors[index].shape for index in (*operation.inputs[:inputs], *operation.outputs)]
    if not operation.outputs or len(operation.inputs) < inputs or any(rank and len(shape) != rank for shape in known):
      raise ValueError(f'{name} has not the inputs and the result of its kind')
    if operation.kind in _OPTIONS and not isinstance(operation.options, _OPTIONS[operation.kind]):
      raise ValueError(f'{name} has not the settings of its kind')
    if isinstance(operation.options, _CONVOLUTIONS) and min(operation.options.strideH, operation.options.strideW) < 1:
      raise ValueError(f'{name} has no stride')


def _listed(indices: Any) -> Any:
  """An absent list is an empty one."""
  return () if indices is None else indices


def _tensor(tensor: Any, buffers: list) -> Tensor:
  types = {value: key for key, value in vars(schema.TensorType).items() if isinstance(value, int)}
  signature = tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature
  shape = () if signature is None else tuple(int(size) for size in signature)
  data, kind = buffers[tensor.buffer].data, {**_TYPES, **_INDEX_TYPES}.get(tensor.type)
  values = np.frombuffer(bytes(bytearray(data)), kind) if data is not None and len(data) and kind else None
  sparse = tensor.sparsity is not None
  dense = values is not None and not sparse and values.size == int(np.prod(shape))
  return Tensor(
    tensor.name.decode() if isinstance(tensor.name, bytes) else str(tensor.name),
    shape,
    types[tensor.type],
    sparse,
    None if values is None else int(np.count_nonzero(values)),
    values.reshape(shape) if dense and tensor.type in _INDEX_TYPES else None,
  )

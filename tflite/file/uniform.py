"""Files of others as files of one kind: one graph, a batch of 1, one size, float32 in and out; what runtimes here are made for."""

from typing import Any

import flatbuffers
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from tflite.file.flat import Model
from tflite.file.model_file import IDENTIFIER, ModelFileError

_QUANTIZED = ('UINT8', 'INT8', 'INT16')


def uniform(content: bytes, model: Model, size: tuple[int, int], output: int, name: str) -> bytes:
  """The file with one graph's picture as its input, of `size`, and one of its results as its output, both float32.

  Conversions of numbers become operations of the file; where nothing is to change, the bytes stay as they are.

  Args:
    content: the file.
    model: the graph, with one input [1, height, width, channels].
    size: (height, width) in pixels.
    output: which of the graph's outputs.
    name: what messages call the file.

  Raises:
    ModelFileError: its weights lie behind the model, where a changed file would not find them; or it is damaged.
  """
  source, result = model.tensors[model.inputs[0]], model.tensors[model.outputs[output]]
  floats = source.type == result.type == 'FLOAT32'
  if floats and source.batch == 1 and source.shape[1:3] == size and model.graph == 0 and len(model.outputs) == 1:
    return content
  file = schema.ModelT.InitFromPackedBuf(content, 0)
  if any(buffer.offset > 1 for buffer in file.buffers):
    raise ModelFileError(f'A file of up to 2 GiB has its weights in the model. Received: {name}, with weights behind it. Convert it again.')
  try:
    _change(file, model, size, output)
    builder = flatbuffers.Builder(len(content) + 4096)
    builder.Finish(file.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())
  except Exception as error:  # The generated writer raises whatever damaged values lead it to.
    raise ModelFileError(f'A .tflite file can be written again. Received: {name}, which is damaged ({error}). Convert it again.') from error


def _change(file: Any, model: Model, size: tuple[int, int], output: int) -> None:
  source, result = model.tensors[model.inputs[0]], model.tensors[model.outputs[output]]
  _to_the_front(file, model.graph)
  graph = file.subgraphs[0]
  tensor = graph.tensors[model.inputs[0]]
  tensor.shape, tensor.shapeSignature = np.asarray([1, *size, source.shape[3]], np.int32), None
  first, last = [model.inputs[0]], [model.outputs[output]]
  if source.type != 'FLOAT32':
    first = [_new(graph, tensor)]
    kind = schema.BuiltinOperator.QUANTIZE if source.type in _QUANTIZED and source.scale else schema.BuiltinOperator.CAST
    graph.operators = [_operation(file, kind, first, [model.inputs[0]]), *graph.operators]
  if result.type != 'FLOAT32':
    last = [_new(graph, graph.tensors[model.outputs[output]])]
    kind = schema.BuiltinOperator.DEQUANTIZE if result.scale or result.type == 'FLOAT16' else schema.BuiltinOperator.CAST
    graph.operators = [*graph.operators, _operation(file, kind, [model.outputs[output]], last)]
  graph.inputs, graph.outputs = (np.asarray(listed, np.int32) for listed in (first, last))
  file.signatureDefs = file.metadata = None  # They speak of what it was.


def _new(graph: Any, like: Any) -> int:
  """A tensor of float32 with the sizes of another."""
  tensor = schema.TensorT()
  tensor.name, tensor.shape, tensor.shapeSignature = b'float32', like.shape, like.shapeSignature
  tensor.type, tensor.buffer = schema.TensorType.FLOAT32, 0
  graph.tensors.append(tensor)
  return len(graph.tensors) - 1


def _operation(file: Any, kind: int, inputs: list[int], outputs: list[int]) -> Any:
  code = schema.OperatorCodeT()
  code.builtinCode = code.deprecatedBuiltinCode = kind
  code.version = 1
  file.operatorCodes.append(code)
  operation = schema.OperatorT()
  operation.opcodeIndex = len(file.operatorCodes) - 1
  operation.inputs, operation.outputs = (np.asarray(listed, np.int32) for listed in (inputs, outputs))
  return operation


def _to_the_front(file: Any, place: int) -> None:
  """Makes a graph the file's first, which runtimes run unasked; what calls graphs by their places follows."""
  if not place:
    return
  swapped = {0: place, place: 0}
  file.subgraphs[0], file.subgraphs[place] = file.subgraphs[place], file.subgraphs[0]
  for graph in file.subgraphs:
    for operation in graph.operators or ():
      for options in (operation.builtinOptions, operation.builtinOptions2):
        for field, value in list(vars(options).items()) if options is not None else ():
          if field.lower().endswith('subgraphindex') or field == 'subgraph':
            setattr(options, field, swapped.get(value, value))
          elif field == 'branchSubgraphIndices':
            setattr(options, field, [swapped.get(int(index), int(index)) for index in value])

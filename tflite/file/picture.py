"""What a file wants to see: the one picture among what it reads, its size, and what its numbers can hold."""

import dataclasses

import numpy as np

from tflite.file.flat import Model, Tensor
from tflite.file.model_file import ModelFileError

_INTEGERS = {'UINT8': np.uint8, 'INT8': np.int8, 'INT16': np.int16}
# Of a picture without a batch or with one, whose channels come first.
_CHANNELS = (1, 3)


@dataclasses.dataclass(frozen=True)
class Picture:
  """The input of an image network.

  Attributes:
    size: (height, width) in pixels; -1 where the file leaves it open.
    channels: 1 or 3.
    type: of its numbers, 'FLOAT32', 'UINT8', ...
    held: (least, most) that its numbers can say, where they are integers with a scale; None for others.
  """

  size: tuple[int, int]
  channels: int
  type: str
  held: tuple[float, float] | None

  @property
  def is_bytes(self) -> bool:
    """Whether its numbers are whole ones without a scale, which are pixels as they come."""
    return self.held is None and self.type in ('UINT8', 'INT32', 'INT64')


def picture(model: Model, name: str) -> Picture:
  """The picture that a file reads; `name` is what messages call the file.

  Raises:
    ModelFileError: it reads something else, or more.
  """
  tensors = [model.tensors[index] for index in model.inputs]
  if len(tensors) != 1:
    named = ', '.join(f'{tensor.name} {list(tensor.shape)}' for tensor in tensors) or 'none'
    raise ModelFileError(f'An image network has one input, the picture. Received: {len(tensors)} in {name} ({named}). {_again(model)}')
  shape, kind = tensors[0].shape, tensors[0].type
  if len(shape) == 4 and shape[3] in _CHANNELS and shape[0] == 1 and all(side > 0 or side == -1 for side in shape[1:3]):
    if kind in ('FLOAT32', 'FLOAT16', 'UINT8', 'INT32', 'INT64') or (kind in _INTEGERS and tensors[0].scale > 0):
      return Picture(tuple(shape[1:3]), shape[3], kind, _held(tensors[0]))
    raise ModelFileError(
      f'A picture is of floats, of bytes, or of integers with one scale. Received: {kind} without a scale in {name}. Convert it with'
      ' inference_input_type of float32 or uint8.'
    )
  reads = f'{list(shape)} {kind} in {name}'
  if len(shape) == 4 and shape[1] in _CHANNELS:
    raise ModelFileError(
      f'A picture is [1, height, width, channels]. Received: {reads}, whose channels come first (NCHW). Convert it with channels last:'
      " onnx2tf and ai-edge-torch's to_channel_last_io do so."
    )
  if len(shape) == 4 and shape[0] != 1:
    raise ModelFileError(f'Pictures are read one by one. Received: {reads}, whose batch is fixed. Convert it with one of 1 or None.')
  raise ModelFileError(f'A picture is [1, height, width, 3], or 1 for grey ones. Received: {reads}. Convert it with such an input.')


def _again(model: Model) -> str:
  others = [key for key in model.signatures if key != model.signature]
  return f'Choose another --signature: {", ".join(others)}.' if others else 'Convert it with one.'


def _held(tensor: Tensor) -> tuple[float, float] | None:
  if tensor.type not in _INTEGERS or not tensor.scale:
    return None
  limits = np.iinfo(_INTEGERS[tensor.type])
  return tuple(tensor.scale * (edge - tensor.zero_point) for edge in (int(limits.min), int(limits.max)))

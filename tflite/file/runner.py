"""Runs a .tflite file on this machine."""

import pathlib

from ai_edge_litert.interpreter import Interpreter
import numpy as np

from st_tf import quiet
from tflite.file import model_file
from tflite.file.model_file import ModelFileError


def single(outputs: np.ndarray) -> np.ndarray:
  """Maps [n, rows, columns, outputs] with each pixel once, where all come in blocks of 2x2 alike, as exported maps do."""
  if outputs.ndim != 4 or outputs.shape[1] % 2 or outputs.shape[2] % 2:
    return outputs
  first = outputs[:, ::2, ::2]
  alike = all(np.array_equal(first, outputs[:, row::2, column::2], equal_nan=True) for row, column in ((0, 1), (1, 0), (1, 1)))
  return first if alike else outputs


class Runner:
  """A .tflite model that reads one image at a time.

  Attributes:
    name: what messages call the model.
    image_size: (height, width) it reads, in pixels.
    channels: 3, or 1 where it reads grey ones.
    output_shape: shape of the output for one image, without the batch.
    is_batched: whether the output has one, of 1; that of a squeezed softmax has none.
    bytes: size of the file.
  """

  def __init__(self, content: bytes, name: str = 'the model', threads: int = 1):
    """Prepares a model.

    Args:
      content: the file's bytes.
      name: what messages call it.
      threads: processor threads for one image.

    Raises:
      ModelFileError: no .tflite model, or not one with one float32 image of static shape and one output for it.
    """
    self.name = name
    self.bytes = len(content)
    model_file.check(content, name)
    self._interpreter = _allocated(content, name, threads)
    inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
    if len(inputs) != 1 or len(outputs) != 1:
      raise ModelFileError(f'A model has one input and one output. Received: {len(inputs)} and {len(outputs)} in {name}.')
    self._input, self._output = inputs[0], outputs[0]
    shape = tuple(int(size) for size in self._input['shape_signature'])
    static = len(shape) == 4 and min(shape) > 0
    if not static or shape[0] != 1 or shape[3] not in (1, 3) or self._input['dtype'] is not np.float32:
      raise ModelFileError(
        f'A model reads one float32 image of fixed size, [1, height, width, 3], or 1 for grey ones. Received: {list(shape)}'
        f' {np.dtype(self._input["dtype"]).name} in {name}.'
      )
    self.image_size, self.channels = shape[1:3], shape[3]
    shape = tuple(int(size) for size in self._output['shape'])
    self.is_batched = shape[:1] == (1,)
    self.output_shape = shape[self.is_batched :]

  @classmethod
  def load(cls, path: str | pathlib.Path, threads: int = 1) -> 'Runner':
    """The model in a file.

    Raises:
      ModelFileError: as the constructor, or the file cannot be read.
    """
    return cls(model_file.load(path), str(path), threads)

  def __call__(self, images: np.ndarray) -> np.ndarray:
    """Outputs [n, ...] of images [n, height, width, channels] float32, normalised as in training.

    Raises:
      ModelFileError: the images have another size, or have outputs of several sizes.
    """
    shape = (*self.image_size, self.channels)
    if images.ndim != 4 or images.shape[1:] != shape:
      raise ModelFileError(f'{self.name} reads images [n, {", ".join(map(str, shape))}]. Received: {list(images.shape)}.')
    outputs = np.empty((len(images), *self.output_shape), self._output['dtype'])
    for i, image in enumerate(images):
      self._interpreter.set_tensor(self._input['index'], np.asarray(image, np.float32)[None])
      self._interpreter.invoke()
      found = self._interpreter.get_tensor(self._output['index'])
      found = found[0] if self.is_batched and found.shape[:1] == (1,) else found
      if not i and found.shape != outputs.shape[1:]:  # Of some files it shows only here.
        outputs = np.empty((len(images), *found.shape), found.dtype)
      if found.shape != outputs.shape[1:]:
        raise ModelFileError(
          f'A model gives as many outputs for each image. Received: {list(outputs.shape[1:])} and {list(found.shape)} from {self.name}.'
          ' Convert it with outputs of fixed size.'
        )
      outputs[i] = found
    return outputs


def _allocated(content: bytes, name: str, threads: int) -> Interpreter:
  with quiet.captured_stderr() as log:
    try:
      interpreter = Interpreter(model_content=content, num_threads=threads)
      interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
      reason = str(error).strip() or quiet.last_line(log)
      raise ModelFileError(f'A .tflite file can be run by the TFLite interpreter. Received: {name} ({reason}).') from error
  return interpreter

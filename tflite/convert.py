"""From a plain Keras model to a verified float32 .tflite file.

The file has a static batch of one, as phones want it. It is compared with the Keras model on real samples *before* it is
put in its place, so a file under the final name is always a file that was verified.
"""

import dataclasses
import os
import pathlib
import tempfile

import numpy as np
import tensorflow as tf
import tf_keras as keras

from st_tf.errors import UserError
from tflite import quiet
from tflite.runner import ModelFileError, Runner


class ConversionError(UserError):
  """A model that could not be converted, or whose converted form answers differently."""


@dataclasses.dataclass(frozen=True)
class Conversion:
  """What a conversion gave.

  Attributes:
    bytes: size of the file.
    max_error: largest difference between an output of Keras and of the file, as a fraction of the largest output (of 1
      where all outputs are smaller).
  """

  bytes: int
  max_error: float


def convert(model: keras.Model, samples: np.ndarray, path: str | pathlib.Path, tolerance: float = 1e-4) -> Conversion:
  """Writes `model` as a .tflite file that was verified on `samples`.

  Args:
    model: one input [batch, height, width, 3], one output; without pruning wrappers.
    samples: [n, height, width, 3] float32, normalised as in training.
    path: the file to write; an existing one is replaced in one step.
    tolerance: largest `Conversion.max_error` that is accepted.

  Raises:
    ConversionError: the model does not convert, the file answers differently, or it cannot be written.
  """
  path = pathlib.Path(path)
  if not path.parent.is_dir():
    raise ConversionError(f'A .tflite file is written into an existing folder. Received: {path}. Create {path.parent} first.')
  samples = _checked(model, samples)
  content = _converted(model, samples.shape[1:])
  error = _difference(model, content, samples)
  if not error <= tolerance:  # written so that NaN fails
    raise ConversionError(
      f'A .tflite file gives the outputs of its Keras model to {tolerance:g}. Received: a difference of {error:.3g} on'
      f' {len(samples)} samples. Nothing was written to {path}.'
    )
  _replace(path, content)
  return Conversion(len(content), error)


def _checked(model: keras.Model, samples: np.ndarray) -> np.ndarray:
  samples = np.asarray(samples, np.float32)
  if samples.ndim != 4 or not len(samples):
    raise ConversionError(f'Samples are [n, height, width, 3] with n >= 1. Received: {samples.shape}.')
  if not isinstance(model.input_shape, tuple) or not model.inputs[0].shape[1:].is_compatible_with(samples.shape[1:]):
    raise ConversionError(f"Samples have the shape of the model's input, {model.input_shape}. Received: {samples.shape}.")
  return samples


def _converted(model: keras.Model, image_shape: tuple[int, ...]) -> bytes:
  signature = [tf.TensorSpec((1, *image_shape), tf.float32, name='image')]
  with quiet.captured_stderr() as log:
    try:
      function = tf.function(lambda image: model(image, training=False), input_signature=signature)
      # In place of the model itself, which would be saved on the way with a traced function per layer: minutes for a large one.
      holder = tf.Module()
      holder.variables_of_the_model, holder.function = model.variables, function
      return tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], holder).convert()
    except Exception as error:  # the converter has no common base class for what it raises
      reason = str(error).strip().splitlines()[0] if str(error).strip() else quiet.last_line(log)
      raise ConversionError(f'The model consists of operations that TFLite has. Received from its converter: {reason}.') from error


def _difference(model: keras.Model, content: bytes, samples: np.ndarray) -> float:
  try:
    actual = Runner(content, 'the converted model')(samples)
  except ModelFileError as error:
    raise ConversionError(str(error)) from error
  expected = np.concatenate([model(samples[i : i + 1], training=False).numpy() for i in range(len(samples))])
  if expected.shape != actual.shape:
    raise ConversionError(f'The file has the output shape of the model, {expected.shape}. Received: {actual.shape}.')
  return float(np.max(np.abs(actual - expected)) / max(1.0, np.max(np.abs(expected))))


def _replace(path: pathlib.Path, content: bytes) -> None:
  try:
    descriptor, temporary = tempfile.mkstemp(prefix=f'.{path.name}.', dir=path.parent)
    try:
      with os.fdopen(descriptor, 'wb') as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
      os.chmod(temporary, 0o644)  # mkstemp keeps others from reading
      os.replace(temporary, path)
    except BaseException:
      pathlib.Path(temporary).unlink(missing_ok=True)
      raise
  except OSError as error:
    raise ConversionError(
      f'A .tflite file is written to {path}. Received: {error.strerror}. Free some space or choose another folder.'
    ) from error

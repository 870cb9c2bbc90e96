"""From a plain Keras model to a verified float32 .tflite file.

The file has a static batch of one, as phones want it. It is compared with the Keras model on real samples *before* it is
put in its place, so a file under the final name is always a file that was verified.
"""

import dataclasses
import pathlib

import numpy as np
import tf_keras as keras

from st_tf import files
from st_tf.errors import UserError
from tflite.file.encode import encode
from tflite.file.metadata import Description, with_metadata
from tflite.file.model_file import ModelFileError
from tflite.file.runner import Runner


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


def convert(
  model: keras.Model, samples: np.ndarray, path: str | pathlib.Path, tolerance: float = 1e-4, about: Description | None = None
) -> Conversion:
  """Writes `model` as a .tflite file that was verified on `samples`.

  Args:
    model: one input [batch, height, width, 3], one output; without pruning wrappers.
    samples: [n, height, width, 3] float32, normalised as in training.
    path: the file to write; an existing one is replaced in one step.
    tolerance: largest `Conversion.max_error` that is accepted.
    about: what its metadata say; None = there are none.

  Raises:
    ConversionError: the file answers differently, or it cannot be written.
    EncodingError: the model does not convert.
  """
  path = pathlib.Path(path)
  if not path.parent.is_dir():
    raise ConversionError(f'A .tflite file is written into an existing folder. Received: {path}. Create {path.parent} first.')
  samples = _checked(model, samples)
  content = encode(lambda image: model(image, training=False), samples.shape[1:], variables=model.variables)
  content = with_metadata(content, about) if about else content
  error = difference(outputs(model, samples), content, samples)
  if not error <= tolerance:  # written so that NaN fails
    raise ConversionError(
      f'A .tflite file gives the outputs of its Keras model to {tolerance:g}. Received: a difference of {error:.3g} on'
      f' {len(samples)} samples. Nothing was written to {path}.'
    )
  replace(path, content)
  return Conversion(len(content), error)


def _checked(model: keras.Model, samples: np.ndarray) -> np.ndarray:
  samples = np.asarray(samples, np.float32)
  if samples.ndim != 4 or not len(samples):
    raise ConversionError(f'Samples are [n, height, width, 3] with n >= 1. Received: {samples.shape}.')
  if not isinstance(model.input_shape, tuple) or not model.inputs[0].shape[1:].is_compatible_with(samples.shape[1:]):
    raise ConversionError(f"Samples have the shape of the model's input, {model.input_shape}. Received: {samples.shape}.")
  return samples


def outputs(model: keras.Model, samples: np.ndarray) -> np.ndarray:
  """What Keras says about samples [n, height, width, 3], one by one as a phone would."""
  return np.concatenate([model(samples[i : i + 1], training=False).numpy() for i in range(len(samples))])


def difference(expected: np.ndarray, content: bytes, images: np.ndarray) -> float:
  """Largest difference between `expected` and what the file says about `images`, as `Conversion.max_error`.

  Raises:
    ConversionError: the file cannot be run, or gives outputs of another shape.
  """
  try:
    actual = Runner(content, 'the converted model')(images)
  except ModelFileError as error:
    raise ConversionError(str(error)) from error
  if expected.shape != actual.shape:
    raise ConversionError(f'The file has the output shape of the model, {expected.shape}. Received: {actual.shape}.')
  return float(np.max(np.abs(actual - expected)) / max(1.0, np.max(np.abs(expected))))


def replace(path: pathlib.Path, content: bytes) -> None:
  """Writes a file at once; until then an older one stays.

  Raises:
    ConversionError: it cannot be written.
  """
  try:
    files.write_bytes(path, content)
  except OSError as error:
    raise ConversionError(
      f'A .tflite file is written to {path}. Received: {error.strerror}. Free some space or choose another folder.'
    ) from error

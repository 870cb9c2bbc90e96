"""From a function of TensorFlow to the bytes of a .tflite file."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from st_tf import quiet
from st_tf.errors import UserError
from tflite.file.formats import FORMATS


class EncodingError(UserError):
  """A function that has no form as a .tflite file."""


def encode(
  function: Callable[[tf.Tensor], tf.Tensor],
  image_shape: Sequence[int],
  number_format: str = 'float32',
  sparse: bool = False,
  calibration: np.ndarray | None = None,
  variables: Sequence[tf.Variable] = (),
) -> bytes:
  """The file of `function`, for a batch of one image.

  Args:
    function: images [1, height, width, 3] float32 -> outputs.
    image_shape: (height, width, 3).
    number_format: one of `FORMATS`; the input and the output are float32 in all of them.
    sparse: whether kernels that are mostly zero are stored without their zeros.
    calibration: [n, height, width, 3] typical images, which int8 needs.
    variables: what `function` reads.

  Raises:
    EncodingError: TFLite has no such operation, or int8 without typical images or stored sparsely.
  """
  if number_format == 'int8' and (calibration is None or not len(calibration)):
    raise EncodingError("int8 is calibrated on typical images. Received: none. Give the ticket's task its data (--data_dir).")
  if sparse and not FORMATS[number_format].runs_sparsely:
    raise EncodingError(f'{number_format} is stored dense, since no runtime executes it sparsely. Received: --sparse=always.')
  signature = [tf.TensorSpec((1, *image_shape), tf.float32, name='image')]
  with quiet.captured_stderr() as log:
    try:
      traced = tf.function(function, input_signature=signature)
      # In place of a model, which would be saved on the way with a traced function per layer: minutes for a large one.
      holder = tf.Module()
      holder.variables_of_the_model, holder.function = list(variables), traced
      converter = tf.lite.TFLiteConverter.from_concrete_functions([traced.get_concrete_function()], holder)
      _configure(converter, number_format, sparse, calibration)
      return converter.convert()
    except Exception as error:  # The converter has no common base class for what it raises.
      reason = str(error).strip().splitlines()[0] if str(error).strip() else quiet.last_line(log)
      raise EncodingError(f'The model consists of operations that TFLite has. Received from its converter: {reason}.') from error


def _configure(converter: tf.lite.TFLiteConverter, number_format: str, sparse: bool, calibration: np.ndarray | None) -> None:
  converter.optimizations = [tf.lite.Optimize.EXPERIMENTAL_SPARSITY] if sparse else []
  if number_format != 'float32':
    converter.optimizations.append(tf.lite.Optimize.DEFAULT)
  if number_format == 'float16':
    converter.target_spec.supported_types = [tf.float16]
  if number_format == 'int8':
    converter.representative_dataset = lambda: ([image[None].astype(np.float32)] for image in calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]

"""Files as others make them with TensorFlow's converter: all tell the colours of `tests.tiny` apart where pixels are as they want."""

from collections.abc import Callable, Sequence
import functools
import io
import tempfile
import zipfile

import numpy as np
import tensorflow as tf

from tflite.file.metadata import Description, with_metadata

SIDE = 8
# What makes pixels from 0 to 1 of those that a network reads; anything else than these saturates.
SCALES: dict[str, Callable] = {
  'units': lambda x: x,
  'bytes': lambda x: x * np.float32(1 / 255),
  'signed': lambda x: x * 0.5 + 0.5,
}
STRENGTH = 4.0  # Of a colour in the logits.


def _by_hand(x: tf.Tensor) -> tf.Tensor:
  powers = tf.exp(x - tf.reduce_max(x, -1, keepdims=True))
  return powers / tf.reduce_sum(powers, -1, keepdims=True)


ENDS: dict[str, Callable] = {
  'logits': lambda x: x,
  'softmax': tf.nn.softmax,
  'sigmoid': lambda x: tf.sigmoid(x - tf.reduce_mean(x, -1, keepdims=True)),
  'by hand': _by_hand,
}


@functools.cache
def classifier(
  pixels: str = 'units',
  end: str = 'logits',
  shape: tuple[int | None, ...] = (1, SIDE, SIDE, 3),
  order: tuple[int, ...] = (0, 1, 2),
  number: str = '',
  map_sized: bool = False,
) -> bytes:
  """A file.

  Args:
    pixels: which of `SCALES` it wants.
    end: one of `ENDS`.
    shape: that it reads.
    order: the colour of each output; -1 = none.
    number: 'int8', 'uint8' or 'int16' for such numbers in and out; '' = floats.
    map_sized: whether its outputs are [batch, 1, 1, outputs].
  """

  def function(image: tf.Tensor) -> tf.Tensor:
    x = tf.clip_by_value(SCALES[pixels](image), 0.0, 1.0)
    kernel = np.zeros((1, 1, shape[-1], len(order)), np.float32)
    for output, colour in enumerate(order):
      kernel[0, 0, min(colour, shape[-1] - 1), output] = STRENGTH * (colour >= 0)
    x = tf.nn.conv2d(x, tf.constant(kernel), 1, 'VALID')
    return ENDS[end](tf.reduce_mean(x, (1, 2), keepdims=map_sized))

  return converted({'serving_default': (function, shape)}, number, samples(pixels, shape))


def samples(pixels: str, shape: Sequence[int | None]) -> np.ndarray:
  """Noise from the darkest to the brightest of such pixels."""
  noise = np.random.default_rng(0).random((16, *(side or SIDE for side in shape[1:3]), shape[-1]), np.float32)
  noise[:, 0, 0], noise[:, 0, 1] = 0, 1
  return {'units': noise, 'bytes': 255 * noise, 'signed': 2 * noise - 1}[pixels]


def converted(signatures: dict, number: str = '', calibration: np.ndarray | None = None, dtype: tf.DType = tf.float32) -> bytes:
  """The file of {signature: (function, shape of its image)}."""
  holder = tf.Module()
  functions = {
    name: tf.function(function, input_signature=[tf.TensorSpec(shape, dtype, name='image')]).get_concrete_function()
    for name, (function, shape) in signatures.items()
  }
  holder.functions = list(functions.values())
  if len(functions) > 1:
    return _of_saved(holder, functions)
  converter = tf.lite.TFLiteConverter.from_concrete_functions(list(functions.values()), holder)
  if number:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([picture[None]] for picture in calibration)
    sets = tf.lite.OpsSet
    wide = number == 'int16'
    converter.target_spec.supported_ops = [
      sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8 if wide else sets.TFLITE_BUILTINS_INT8
    ]
    converter.inference_input_type = converter.inference_output_type = tf.as_dtype(number)
  return converter.convert()


@functools.cache
def failing() -> bytes:
  """A file that can be loaded, and whose one operation reads beyond its numbers."""

  def function(image: tf.Tensor) -> tf.Tensor:
    return tf.gather(tf.reduce_mean(image, (1, 2)), tf.cast(tf.reduce_max(image), tf.int32) + 7 + tf.range(3), axis=1)

  return converted({'serving_default': (function, (1, SIDE, SIDE, 3))})


def _of_saved(holder: tf.Module, functions: dict) -> bytes:
  with tempfile.TemporaryDirectory() as folder:
    tf.saved_model.save(holder, folder, signatures=functions)
    return tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(functions)).convert()


def labelled(content: bytes, text: bytes, mean: Sequence[float] = (0.0,), deviation: Sequence[float] = (255.0,)) -> bytes:
  """A file with metadata and labels, of which `text` is what is written."""
  described = with_metadata(content, Description('theirs', '', (SIDE, SIDE), ('x',), mean=mean, deviation=deviation))
  cut = described.rindex(b'PK\x03\x04')
  file = io.BytesIO(described[:cut])
  file.seek(0, io.SEEK_END)
  with zipfile.ZipFile(file, 'a') as archive:
    archive.writestr('labels.txt', text)
  return file.getvalue()

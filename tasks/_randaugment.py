"""RandAugment (Cubuk et al., NeurIPS 2020) on whole batches.

Each of the two rounds gives every picture one change at one strength. All pictures go through one computation per family
of changes, with parameters that do nothing for those that drew another: no picture is handled alone.
"""

import tensorflow as tf

ROUNDS = 2
DRAWS = (ROUNDS, 3)  # Per picture and round: which change, how strong, which sign.
STRENGTH = 0.5  # Of the largest change below; the drawn strength lies between half of it and all of it.

_CHANGES = (
  'identity',
  'shear_x',
  'shear_y',
  'shift_x',
  'shift_y',
  'rotate',
  'brightness',
  'contrast',
  'saturation',
  'sharpness',
  'posterize',
  'solarize',
  'autocontrast',
)
_SHEAR, _SHIFT, _RADIANS, _BLEND, _POSTERIZE_BITS = 0.6, 0.6, 1.0, 1.4, 6.0
_GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601, as PIL's conversion to 'L'.


def apply(images: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
  """The changed pictures, [batch, height, width, 3] float32 in [0, 255].

  Args:
    images: [batch, height, width, 3] float32 in [0, 255].
    draws: [batch, *DRAWS] in [0, 1).
  """
  for index in range(ROUNDS):
    which = tf.cast(draws[:, index, 0] * len(_CHANGES), tf.int32)
    strength = STRENGTH * (0.5 + 0.5 * draws[:, index, 1])
    signed = tf.where(draws[:, index, 2] < 0.5, -strength, strength)

    def amount(change: str, value: tf.Tensor, which: tf.Tensor = which):
      return tf.where(which == _CHANGES.index(change), value, tf.zeros_like(value))

    images = _move(images, amount, signed)
    images = _blend(images, amount, signed)
    images = _remap(images, amount, strength)
  return images


def _move(images: tf.Tensor, amount, signed: tf.Tensor) -> tf.Tensor:
  """Shear, shift and rotation about the middle; what comes from outside is grey."""
  side = tf.cast(tf.shape(images)[1:3], tf.float32)
  middle_y, middle_x = (side[0] - 1) / 2, (side[1] - 1) / 2
  angle = amount('rotate', signed * _RADIANS)
  cos, sin = tf.cos(angle), tf.sin(angle)
  a, b = cos, amount('shear_x', signed * _SHEAR) - sin
  c, d = amount('shear_y', signed * _SHEAR) + sin, cos
  x = middle_x - a * middle_x - b * middle_y + amount('shift_x', signed * _SHIFT) * side[1]
  y = middle_y - c * middle_x - d * middle_y + amount('shift_y', signed * _SHIFT) * side[0]
  zero = tf.zeros_like(a)
  moved = tf.raw_ops.ImageProjectiveTransformV3(
    images=images,
    transforms=tf.stack([a, b, x, c, d, y, zero, zero], -1),
    output_shape=tf.shape(images)[1:3],
    interpolation='BILINEAR',
    fill_mode='CONSTANT',
    fill_value=128.0,
  )
  return tf.ensure_shape(moved, images.shape)


def _blend(images: tf.Tensor, amount, signed: tf.Tensor) -> tf.Tensor:
  """Brightness, contrast, saturation, sharpness: towards or away from black, mean, grey or a blurred picture."""
  grey = tf.tensordot(images, tf.constant(_GREY), 1)[..., None]
  mean = tf.reduce_mean(grey, [1, 2], keepdims=True)
  blurred = tf.nn.avg_pool2d(images, 3, 1, 'SAME')
  changes = ('brightness', 'contrast', 'saturation', 'sharpness')
  black, contrast, saturation, sharpness = (amount(change, signed * _BLEND)[:, None, None, None] for change in changes)
  # At most one of the four is not 0 for a picture, so one sum does for all.
  whole = 1 + black + contrast + saturation + sharpness
  return tf.clip_by_value(images * whole - (contrast * mean + saturation * grey) - sharpness * blurred, 0.0, 255.0)


def _remap(images: tf.Tensor, amount, strength: tf.Tensor) -> tf.Tensor:
  """Posterize, solarize, autocontrast: a new value for every old one."""
  steps = tf.pow(2.0, tf.round(amount('posterize', strength * _POSTERIZE_BITS)))[:, None, None, None]
  images = tf.floor(images * (1 / steps)) * steps
  threshold = 256 * (1 - amount('solarize', strength))[:, None, None, None]
  images += tf.cast(images >= threshold, tf.float32) * (255 - 2 * images)
  chosen = amount('autocontrast', tf.ones_like(strength))[:, None, None, None]
  low = chosen * tf.reduce_min(images, [1, 2], keepdims=True)
  high = tf.reduce_max(images, [1, 2], keepdims=True)
  return (images - low) * tf.where(chosen > 0, 255 / tf.maximum(high - low, 1.0), 1.0)

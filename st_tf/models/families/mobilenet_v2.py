"""MobileNetV2 (Sandler et al., CVPR 2018), of several widths."""

import functools

import tf_keras as keras

from st_tf.models.families import Family, Size, Sizes
from st_tf.models.families._applications import application, at, side
from st_tf.models.published import Published

_SIDES = (96, 128, 160, 192, 224)


def _of(width: float) -> Family:
  def published(image_size: tuple[int, int]) -> Published:
    stem = f'mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{width}_{side(image_size, _SIDES)}'
    return at('mobilenet_v2', (f'{stem}_no_top.h5', ''), (f'{stem}.h5', ''))

  return application(functools.partial(keras.applications.MobileNetV2, alpha=width), 'signed', published)


FAMILY = Sizes(_of, (Size('width', (0.35, 0.5, 0.75, 1.0, 1.3, 1.4), 1.0),))

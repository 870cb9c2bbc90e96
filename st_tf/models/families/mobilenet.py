"""MobileNet (Howard et al., 2017), of several widths."""

import functools

import tf_keras as keras

from st_tf.models.families import Family, Widths
from st_tf.models.families._applications import application, at, side
from st_tf.models.published import Published

_SIDES = (128, 160, 192, 224)
_TEXTS = {0.25: '2_5', 0.5: '5_0', 0.75: '7_5', 1.0: '1_0'}


def _of(width: float) -> Family:
  def published(image_size: tuple[int, int]) -> Published:
    stem = f'mobilenet_{_TEXTS[width]}_{side(image_size, _SIDES)}_tf'
    return at('mobilenet', (f'{stem}_no_top.h5', ''), (f'{stem}.h5', ''))

  return application(functools.partial(keras.applications.MobileNet, alpha=width), 'signed', published)


FAMILY = Widths(_of, tuple(_TEXTS))

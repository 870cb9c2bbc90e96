"""MobileNetV3 (Howard et al., ICCV 2019): small and large, and the minimalistic ones, without gates, 5x5 kernels and hard swish."""

from collections.abc import Callable
import functools

import tf_keras as keras

from st_tf.models.families import Family
from st_tf.models.families._applications import application, at


def mobilenet_v3(build: Callable[..., keras.Model], kind: str, width: float, whole: str, without: str) -> Family:
  """One of them.

  Args:
    build: its function in tf_keras.applications.
    kind: 'small', 'large', 'small_minimalistic' or 'large_minimalistic'.
    width: relative to the whole network.
    whole: MD5 of its published weights with the last layers.
    without: likewise, without them.
  """
  stem = f'weights_mobilenet_v3_{kind}_224_{width}_float'
  files = at('mobilenet_v3', (f'{stem}_no_top_v2.h5', without), (f'{stem}.h5', whole))
  how = functools.partial(build, alpha=width, minimalistic=kind.endswith('minimalistic'), include_preprocessing=False)
  return application(how, 'signed', lambda image_size: files)

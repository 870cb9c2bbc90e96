"""As `cifar` at two thirds of the width. 100 classes at 32x32: 322,516 parameters, 13.7 M MACs."""

import dataclasses

from st_tf.arch.presets import cifar
from st_tf.arch.specs import StageSpec

ARCH = dataclasses.replace(
  cifar.ARCH,
  stages=(StageSpec((1,), (16,)), StageSpec((1, 1), (16, 32)), StageSpec((0, 1, 2), (16, 32, 64))),
  stem_channels=(16, 16),
  head_channels=(16, 32, 112),
  last_channel=320,
)

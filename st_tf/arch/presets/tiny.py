"""For tests and the demo. 10 classes at 32x32: 52,770 parameters, 1.5 M MACs."""

from st_tf.arch.specs import ArchSpec, StageSpec

ARCH = ArchSpec(
  stages=(StageSpec((1,), (8,)), StageSpec((1, 1), (8, 16))),
  stem_channels=(8, 8),
  head_channels=(16, 48),
  last_channel=128,
  kernels=(3, 5),
  dropout=0.0,
)

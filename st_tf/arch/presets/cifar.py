"""For 32x32 images on two CPU cores. 100 classes at 32x32: 663,484 parameters, 28.4 M MACs."""

from st_tf.arch.specs import ArchSpec, StageSpec

ARCH = ArchSpec(
  stages=(StageSpec((1,), (24,)), StageSpec((1, 1), (24, 48)), StageSpec((0, 1, 2), (24, 48, 96))),
  stem_channels=(24, 24),
  input_stride=2,
  head_channels=(24, 48, 160),
  last_channel=512,
  kernels=(3, 5),
  expansion=2,
  dropout=0.1,
)

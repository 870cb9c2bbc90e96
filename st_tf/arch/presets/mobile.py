"""For phones: only what sparse mobile inference runs (3x3 and 5x5 kernels, bilinear resizing, no full convolution but the first).

100 classes at 128x128: 1,571,652 parameters, 110.5 M MACs.
"""

from st_tf.arch.specs import ArchSpec, StageSpec

ARCH = ArchSpec(
  stages=(
    StageSpec((1,), (16,)),
    StageSpec((1, 1), (16, 32)),
    StageSpec((1, 1, 1), (16, 32, 64)),
    StageSpec((1, 1, 2, 2), (16, 32, 64, 128)),
  ),
  stem_channels=(16, 16),
  separable_stem=True,
  head_channels=(32, 64, 128, 256),
  last_channel=960,
  kernels=(3, 5),
  expansion=2,
  activation='relu6',
  upsampling='bilinear',
)

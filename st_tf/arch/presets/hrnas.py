"""The ImageNet supernet of HR-NAS (CVPR 2021). 1,000 classes at 224x224: 13,243,868 parameters, 2,422.8 M MACs."""

from st_tf.arch.specs import ArchSpec, StageSpec

_FOUR_BRANCHES = StageSpec(blocks=(2, 2, 3, 4), channels=(18, 36, 72, 144))

ARCH = ArchSpec(
  stages=(
    StageSpec((1,), (24,)),
    StageSpec((2, 2), (18, 36)),
    StageSpec((2, 2, 3), (18, 36, 72)),
    _FOUR_BRANCHES,
    _FOUR_BRANCHES,
  ),
  head_channels=(36, 72, 144, 320),
)

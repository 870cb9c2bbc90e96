"""As `hrnas_cityscapes` with batch norms as the pose networks have them (0.1 and 1e-5 in PyTorch's terms).

17 joints at 256x192: 10,110,053 parameters, 5.8 G MACs.
"""

import dataclasses

from st_tf.arch.presets import hrnas

ARCH = dataclasses.replace(hrnas.ARCH, last_channel=90, bn_momentum=0.9, bn_epsilon=1e-5)

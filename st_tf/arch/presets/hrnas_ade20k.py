"""As `hrnas_cityscapes` with a wider last convolution. 150 classes at 512x512: 10,427,706 parameters, 36.1 G MACs."""

import dataclasses

from st_tf.arch.presets import hrnas

ARCH = dataclasses.replace(hrnas.ARCH, last_channel=180)

"""The body of `mobile` for maps: segmentation and keypoints."""

import dataclasses

from st_tf.arch.presets import mobile

ARCH = dataclasses.replace(mobile.ARCH, last_channel=64)

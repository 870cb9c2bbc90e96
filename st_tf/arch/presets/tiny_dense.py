"""The body of `tiny` for maps."""

import dataclasses

from st_tf.arch.presets import tiny

ARCH = dataclasses.replace(tiny.ARCH, last_channel=32)

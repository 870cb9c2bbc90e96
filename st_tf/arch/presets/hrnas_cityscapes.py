"""The body of `hrnas` with the ends of HR-NAS's dense prediction. 19 classes at 512x1024: 10,110,235 parameters, 61.8 G MACs.

`head_channels` are for a classification head alone.
"""

import dataclasses

from st_tf.arch.presets import hrnas

ARCH = dataclasses.replace(hrnas.ARCH, last_channel=90)

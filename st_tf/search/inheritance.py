"""The weights that a network begins with when it descends from others: what overlaps, channel by channel.

A layer takes over from the layer of the same stage and place: the first channels of each axis, as many as both have. Of a kernel that
has become smaller it is the middle; around one that has become larger there are zeros, so that it computes the same. What has no
counterpart is as it was drawn. These rules are ours.
"""

from collections.abc import Mapping, Sequence
import re

import numpy as np

_BLOCK = re.compile(r's(\d+)b\d+/')
_SPATIAL = 2  # Axes of a kernel of four, before its channels.


def inherited(
  drawn: Mapping[str, np.ndarray], parents: Sequence[Mapping[str, np.ndarray]], origins: Sequence[int]
) -> dict[str, np.ndarray]:
  """The variables of a child by 'layer/variable'.

  Args:
    drawn: as its seed draws them.
    parents: variables of each.
    origins: which of them each stage is of; stem and end are of the first.
  """
  values = {}
  for name, value in drawn.items():
    found = _BLOCK.match(name)
    source = parents[origins[int(found[1])] if found else 0].get(name)
    counts = not value.ndim  # Of a dropout, which has drawn nothing yet.
    values[name] = value if source is None or counts else overlapped(value, source)
  return values


def overlapped(drawn: np.ndarray, source: np.ndarray) -> np.ndarray:
  """An array with what another has in the same channels; of kernels [height, width, ...] around the same middle."""
  value = drawn.copy()
  spatial = _SPATIAL if value.ndim > _SPATIAL + 1 else 0
  channels = tuple(slice(min(sizes)) for sizes in zip(value.shape[spatial:], source.shape[spatial:]))
  here, there = [], []
  for own, other in zip(value.shape[:spatial], source.shape[:spatial]):
    size = min(own, other)
    here.append(slice((own - size) // 2, (own - size) // 2 + size))
    there.append(slice((other - size) // 2, (other - size) // 2 + size))
  value[(slice(None),) * spatial + channels] = 0
  value[(*here, *channels)] = source[(*there, *channels)]
  return value
